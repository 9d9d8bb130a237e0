-- Grain: one fit of lifetime value and tenth of customers by predicted order-days.
select
    {{ as_of_date() }} as as_of_date,
    clv_segment,
    decile,
    predicted_order_days,
    actual_order_days,
    actual_order_days / nullif(predicted_order_days, 0) as actual_to_predicted_ratio
from {{ source('fits', 'clv_deciles') }}
