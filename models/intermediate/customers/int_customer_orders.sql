-- Grain: one customer with an order in the trailing window: how they order.
-- The place, day and means of most of their orders; of equals the one with larger sales, then the first by its code.
with

orders as (
    select
        orders.*,
        {{ iso_weekday('orders.order_date') }} as weekday
    from {{ ref('int_orders') }} as orders
    where
        orders.customer_key is not null
        and not orders.is_return_only
        and orders.order_date > {{ window_start_date() }}
),

totals as (
    select
        customer_key,
        count(*) as order_count,
        sum(line_count) as line_count,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(coalesce(discount_amount, 0) + coalesce(coupon_discount_amount, 0)) as discount_amount,
        count(discount_amount) + count(coupon_discount_amount) > 0 as has_discounts,
        sum(net_sales_amount) as net_sales_amount
    from orders
    group by customer_key
)
{%- set tops = {'store_id': 'home_store_id', 'channel': 'main_channel', 'payment_method': 'top_payment_method', 'weekday': 'top_weekday',
                'order_hour': 'top_hour'} %}
{%- for column, name in tops.items() %},

{{ column }}_orders as (
    select
        customer_key,
        {{ column }},
        row_number() over (
            partition by customer_key
            order by count(*) desc, sum(net_sales_amount) desc, {{ column }} asc
        ) as place
    from orders
    where {{ column }} is not null
    group by customer_key, {{ column }}
)
{%- endfor %}

select
    totals.customer_key,
    {%- for column, name in tops.items() %}
    {{ column }}_orders.{{ column }} as {{ name }},
    {%- endfor %}
    totals.order_count,
    cast(totals.line_count as bigint) as line_count,
    cast(totals.gross_sales_amount as decimal(18, 4)) as gross_sales_amount,
    cast(case when totals.has_discounts then totals.discount_amount end as decimal(18, 4)) as discount_amount,
    cast(totals.net_sales_amount as decimal(18, 4)) as net_sales_amount
from totals
left join store_id_orders
    on
        totals.customer_key = store_id_orders.customer_key
        and store_id_orders.place = 1
left join channel_orders
    on
        totals.customer_key = channel_orders.customer_key
        and channel_orders.place = 1
left join payment_method_orders
    on
        totals.customer_key = payment_method_orders.customer_key
        and payment_method_orders.place = 1
left join weekday_orders
    on
        totals.customer_key = weekday_orders.customer_key
        and weekday_orders.place = 1
left join order_hour_orders
    on
        totals.customer_key = order_hour_orders.customer_key
        and order_hour_orders.place = 1
