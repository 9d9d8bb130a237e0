-- Grain: one customer on one day with an order or a return; the aggregate that customer marts are made of.
-- Orders count on the order's day, money on each line's own.
with

lines as (
    select order_lines.*
    from {{ ref('int_order_lines') }} as order_lines
    where
        order_lines.is_known_customer
        and order_lines.order_date <= {{ as_of_date() }}
),

orders as (
    select orders.*
    from {{ ref('int_orders') }} as orders
    where
        orders.customer_key is not null
        and not orders.is_return_only
),

money as (
    select
        customer_key,
        order_date as activity_date,
        sum(net_sales_amount) as net_sales_amount,
        {{ sum_if_all_known('margin_amount') }} as margin_amount,
        count(*) filter (where margin_basis not in ('default_rate', 'unknown')) as costed_line_count
    from lines
    group by customer_key, order_date
),

counts as (
    select
        customer_key,
        order_date as activity_date,
        count(*) as order_count
    from orders
    group by customer_key, order_date
)

-- Every order day is the day of one of its lines, so money has every day that counts has.
select
    money.customer_key,
    money.activity_date,
    coalesce(counts.order_count, 0) as order_count,
    cast(money.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(money.margin_amount as decimal(18, 4)) as margin_amount,
    money.costed_line_count
from money
left join counts
    on
        money.customer_key = counts.customer_key
        and money.activity_date = counts.activity_date
