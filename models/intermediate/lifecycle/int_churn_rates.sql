-- Grain: one purpose (today; calibration: the months before the latest one with a known outcome), band of overdue ratio and
-- band of typical gap. The band of overdue ratio speaks where the cell has few cases; where it has few too, nobody knows.
with

counts as (
    select * from {{ ref('int_churn_counts') }}
),

latest as (
    select max(month_end_date) as month_end_date
    from counts
),

used as (
    select
        'today' as purpose,
        counts.*
    from counts

    union all

    select
        'calibration' as purpose,
        counts.*
    from counts
    cross join latest
    where counts.month_end_date < latest.month_end_date
),

purposes as (
    select 'today' as purpose
    union all
    select 'calibration' as purpose
),

overdue_bands as (
    select number
    from ({{ whole_numbers(2) }}) as numbers
    where number <= {{ var('churn_ratio_edges') | length }}
),

gap_bands as (
    select number
    from ({{ whole_numbers(2) }}) as numbers
    where number <= {{ var('churn_gap_edges') | length }}
),

cells as (
    select
        purpose,
        overdue_band,
        gap_band,
        sum(customer_count) as customer_count,
        sum(churned_count) as churned_count
    from used
    group by purpose, overdue_band, gap_band
),

bands as (
    select
        purpose,
        overdue_band,
        sum(customer_count) as customer_count,
        sum(churned_count) as churned_count
    from used
    group by purpose, overdue_band
)

select
    purposes.purpose,
    overdue_bands.number as overdue_band,
    gap_bands.number as gap_band,
    coalesce(cells.customer_count, 0) as cell_case_count,
    coalesce(bands.customer_count, 0) as band_case_count,
    case
        when cells.customer_count >= {{ var('churn_minimum_cases') }} then cast(cells.churned_count as double) / cells.customer_count
        when bands.customer_count >= {{ var('churn_minimum_cases') }} then cast(bands.churned_count as double) / bands.customer_count
    end as churn_probability,
    case
        when cells.customer_count >= {{ var('churn_minimum_cases') }} then 'overdue_ratio_and_gap'
        when bands.customer_count >= {{ var('churn_minimum_cases') }} then 'overdue_ratio'
        else 'unknown'
    end as churn_basis
from purposes
cross join overdue_bands
cross join gap_bands
left join cells
    on
        purposes.purpose = cells.purpose
        and overdue_bands.number = cells.overdue_band
        and gap_bands.number = cells.gap_band
left join bands
    on
        purposes.purpose = bands.purpose
        and overdue_bands.number = bands.overdue_band
