-- Grain: one order line up to the as-of date. Publishing makes a table of it: `stored_as`.
{{ config(materialized='view') }}
select
    source_system,
    order_id,
    line_number,
    ordered_at,
    order_date,
    order_month,
    customer_id,
    product_id,
    store_id,
    channel,
    payment_method,
    quantity,
    gross_sales_amount,
    discount_amount,
    coupon_discount_amount,
    return_amount,
    net_sales_amount,
    cost_amount,
    margin_amount,
    margin_basis,
    is_return,
    return_of_order_id
from {{ ref('int_order_lines') }}
where order_date <= {{ as_of_date() }}
