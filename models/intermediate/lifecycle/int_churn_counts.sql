-- Grain: one month-end whose outcome is known, band of overdue ratio and band of typical gap: who was in it, and who churned.
select
    month_end_date,
    overdue_band,
    gap_band,
    count(*) as customer_count,
    count(*) filter (where has_churned) as churned_count
from {{ ref('int_customer_month_ends') }}
where has_churned is not null
group by month_end_date, overdue_band, gap_band
