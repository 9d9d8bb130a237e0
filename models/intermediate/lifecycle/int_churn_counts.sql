-- Grain: one month-end whose outcome is known, band of overdue ratio and band of typical gap: who was in it, and who churned.
with

counted as (
    select
        month_end_date,
        state_number,
        count(*) as customer_count,
        count(*) filter (where has_churned) as churned_count
    from {{ ref('int_customer_month_ends') }}
    where has_churned is not null
    group by month_end_date, state_number
)

select
    counted.month_end_date,
    states.overdue_band,
    states.gap_band,
    cast(sum(counted.customer_count) as bigint) as customer_count,
    cast(sum(counted.churned_count) as bigint) as churned_count
from counted
inner join {{ ref('int_lifecycle_states') }} as states
    on counted.state_number = states.state_number
group by counted.month_end_date, states.overdue_band, states.gap_band
