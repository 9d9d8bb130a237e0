-- Grain: one order up to the as-of date. Publishing makes a table of it: `stored_as`.
{{ config(materialized='view') }}
select
    source_system,
    order_id,
    customer_id,
    ordered_at,
    order_date,
    order_month,
    store_id,
    channel,
    line_count,
    quantity,
    gross_sales_amount,
    discount_amount,
    coupon_discount_amount,
    return_amount,
    net_sales_amount,
    cost_amount,
    margin_amount,
    order_number,
    days_since_previous_order,
    is_first_order,
    is_return_only
from {{ ref('int_orders') }}
