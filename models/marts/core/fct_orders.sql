-- Grain: one order up to the as-of date.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed', on_schema_change='fail',
    meta={'changed': {'int_orders__changed': ['source_system', 'order_id']}}
) }}
{%- set changed_orders = ref('int_orders__changed') %}
with

orders as (
    select orders.*
    from {{ ref('int_orders') }} as orders
    {%- if is_built() %}
    inner join {{ changed_orders }} as changed_orders
        on
            orders.source_system = changed_orders.source_system
            and orders.order_id = changed_orders.order_id
    {%- endif %}
),

persons as (
    select * from {{ ref('int_persons') }}
)

select
    orders.source_system,
    orders.order_id,
    persons.customer_id,
    orders.ordered_at,
    orders.order_date,
    cast(date_trunc('month', orders.order_date) as date) as order_month,
    orders.store_id,
    orders.channel,
    orders.line_count,
    orders.quantity,
    orders.gross_sales_amount,
    orders.discount_amount,
    orders.coupon_discount_amount,
    orders.return_amount,
    orders.net_sales_amount,
    orders.cost_amount,
    orders.margin_amount,
    orders.order_number,
    cast({{ dbt.datediff('orders.previous_order_date', 'orders.order_date', 'day') }} as integer)
        as days_since_previous_order,
    coalesce(orders.order_number = 1, false) as is_first_order,
    orders.is_return_only
from orders
left join persons
    on orders.customer_key = persons.customer_key
