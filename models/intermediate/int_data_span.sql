-- Grain: one row: from when to when the data reaches, up to the as-of date.
select
    min(order_date) as first_data_date,
    max(order_date) as last_data_date
from {{ ref('int_order_lines') }}
where order_date <= {{ as_of_date() }}
