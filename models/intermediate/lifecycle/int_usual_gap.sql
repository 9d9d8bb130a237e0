-- Grain: one row: the median of all customers' median gaps, today.
select coalesce({{ median('median_gap_days') }}, cast({{ var('default_gap_days') }} as double)) as usual_gap_days
from {{ ref('int_customer_order_days') }}
where next_order_date is null
