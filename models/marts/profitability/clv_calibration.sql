-- Grain: one fit of lifetime value and group of customers: tenths by predicted order-days, and cohorts.
select
    {{ as_of_date() }} as as_of_date,
    clv_segment,
    group_type,
    group_code,
    customer_count,
    predicted_order_days,
    actual_order_days,
    actual_order_days / nullif(predicted_order_days, 0) as actual_to_predicted_ratio,
    standard_error,
    is_calibrated
from {{ source('fits', 'clv_groups') }}
