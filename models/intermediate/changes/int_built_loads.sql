-- Grain: one landed content, at its path, that the build was made of.
-- depends_on: {{ ref('int_order_lines__exceptions') }}
-- depends_on: {{ ref('int_order_lines__cancelled') }}
-- depends_on: {{ ref('int_order_line_totals') }}
-- depends_on: {{ ref('int_orders') }}
-- depends_on: {{ ref('int_first_orders') }}
-- depends_on: {{ ref('int_customer_order_days') }}
select
    _file_id,
    file
from {{ source('control', 'loads') }}
where is_current
