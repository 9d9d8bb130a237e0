-- Grain: one household.
select
    _file_id,
    _file_row,
    cast(household_id as varchar) as customer_id,
    cast(household_id as varchar) as household_id,
    age as age_band,
    income as income_band,
    marital_status,
    home_ownership,
    household_size,
    kids_count <> '0' as has_children
from {{ source('complete_journey', 'demographics') }}
