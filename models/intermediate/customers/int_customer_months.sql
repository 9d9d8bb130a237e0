-- Grain: one customer in one month with an order or a return.
-- A cumulative margin is unknown from the first month on whose margin is unknown.
-- Lies beside the marts: of this table publishing makes fct_customer_months.
{{ config(database='warehouse', schema='core') }}
with

days as (
    select customer_days.*
    from {{ ref('int_customer_days') }} as customer_days
),

persons as (
    select * from {{ ref('int_persons') }}
),

months as (
    select
        customer_key,
        cast(date_trunc('month', activity_date) as date) as order_month,
        sum(order_count) as order_count,
        sum(net_sales_amount) as net_sales_amount,
        {{ sum_if_all_known('margin_amount') }} as margin_amount
    from days
    group by customer_key, cast(date_trunc('month', activity_date) as date)
),

cumulative as (
    select
        *,
        sum(order_count) over so_far as cumulative_order_count,
        sum(net_sales_amount) over so_far as cumulative_net_sales_amount,
        case
            when count(*) over so_far = count(margin_amount) over so_far then sum(margin_amount) over so_far
        end as cumulative_margin_amount
    from months
    window so_far as (
        partition by customer_key
        order by order_month asc
        rows between unbounded preceding and current row
    )
)

select
    persons.customer_id,
    cumulative.order_month,
    cast(cumulative.order_count as bigint) as order_count,
    cast(cumulative.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(cumulative.margin_amount as decimal(18, 4)) as margin_amount,
    cast(cumulative.cumulative_order_count as bigint) as cumulative_order_count,
    cast(cumulative.cumulative_net_sales_amount as decimal(18, 4)) as cumulative_net_sales_amount,
    cast(cumulative.cumulative_margin_amount as decimal(18, 4)) as cumulative_margin_amount,
    cumulative.customer_key
from cumulative
inner join persons
    on cumulative.customer_key = persons.customer_key
