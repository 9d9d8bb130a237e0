-- Grain: one decile of predicted churn at the latest month-end whose outcome is known.
-- Predicted from the month-ends before it. Equal predictions share a decile.
with

counts as (
    select * from {{ ref('int_churn_counts') }}
),

latest as (
    select max(month_end_date) as month_end_date
    from counts
),

predicted as (
    select
        counts.month_end_date,
        rates.churn_probability,
        sum(counts.customer_count) as customer_count,
        sum(counts.churned_count) as churned_count
    from counts
    inner join latest
        on counts.month_end_date = latest.month_end_date
    inner join {{ ref('int_churn_rates') }} as rates
        on
            counts.overdue_band = rates.overdue_band
            and counts.gap_band = rates.gap_band
    where
        rates.purpose = 'calibration'
        and rates.churn_probability is not null
    group by counts.month_end_date, rates.churn_probability
),

-- Customers of one prediction keep together: the decile of the middle one is that of all.
placed as (
    select
        *,
        1 + floor(10 * (
            sum(customer_count) over (order by churn_probability asc rows between unbounded preceding and current row)
            - customer_count / 2.0
        ) / sum(customer_count) over ()) as decile
    from predicted
)

select
    {{ as_of_date() }} as as_of_date,
    cast(least(decile, 10) as integer) as decile,
    max(month_end_date) as month_end_date,
    cast(sum(customer_count) as bigint) as customer_count,
    cast(sum(churned_count) as bigint) as churned_count,
    -- In decimals: the sum is the same in whatever order it is taken.
    cast(sum(customer_count * cast(churn_probability as decimal(18, 12))) as double) / sum(customer_count) as predicted_rate,
    cast(sum(churned_count) as double) / sum(customer_count) as actual_rate
from placed
group by least(decile, 10)
