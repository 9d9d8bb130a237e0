-- Grain: one customer in one month with an order or a return. Publishing makes a table of it: `stored_as`.
{{ config(materialized='view') }}
select
    customer_id,
    order_month,
    order_count,
    net_sales_amount,
    margin_amount,
    cumulative_order_count,
    cumulative_net_sales_amount,
    cumulative_margin_amount
from {{ ref('int_customer_months') }}
