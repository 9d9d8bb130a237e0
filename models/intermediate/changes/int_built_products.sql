-- Grain: one product that tells something about cost, as the build's order lines were made with it.
-- depends_on: {{ ref('int_order_lines__exceptions') }}
-- depends_on: {{ ref('int_order_lines__cancelled') }}
-- depends_on: {{ ref('int_order_line_totals') }}
-- depends_on: {{ ref('int_orders') }}
-- depends_on: {{ ref('int_first_orders') }}
-- depends_on: {{ ref('int_customer_order_days') }}
select {{ built_product_columns() | join(', ') }}
from {{ ref('int_products') }}
