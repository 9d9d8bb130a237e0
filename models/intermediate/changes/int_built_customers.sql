-- Grain: one customer number of one source system, whose it was for the build's order lines, and whether they were known.
-- depends_on: {{ ref('int_order_lines__exceptions') }}
-- depends_on: {{ ref('int_order_lines__cancelled') }}
-- depends_on: {{ ref('int_order_line_totals') }}
-- depends_on: {{ ref('int_orders') }}
-- depends_on: {{ ref('int_first_orders') }}
-- depends_on: {{ ref('int_customer_order_days') }}
select
    source_system,
    source_customer_id,
    customer_key,
    known_from_date <= {{ as_of_date() }} as is_known
from {{ ref('int_customer_identity') }}
