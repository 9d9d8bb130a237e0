-- Grain: customers alike at the calibration date and in what they did after it, counted.
with

customers as (
    select
        holdout.*,
        today.clv_segment
    from {{ ref('int_clv_holdout') }} as holdout
    inner join {{ ref('fit_clv_customers') }} as today
        on holdout.customer_key = today.customer_key
),

bins as (
    select case when count(*) > {{ var('clv_exact_customers') }} then {{ var('clv_bin_days') }} else 1 end as bin_days
    from customers
)

select
    customers.clv_segment,
    customers.repeat_count,
    cast(floor(customers.recency_days / bins.bin_days) as integer) as recency_bin,
    cast(floor(customers.age_days / bins.bin_days) as integer) as age_bin,
    {{ band('customers.repeat_count', var('clv_rival_repeat_edges')) }} as repeat_band,
    {{ band('(customers.age_days - customers.recency_days)', var('clv_rival_silence_edges')) }} as silence_band,
    cast(extract(year from customers.first_date) * 4 + extract(quarter from customers.first_date) as integer) as cohort_quarter,
    customers.last_period_count,
    customers.holdout_count,
    count(*) as customer_count,
    cast(sum(customers.recency_days) as bigint) as recency_days_sum,
    cast(sum(customers.age_days) as bigint) as age_days_sum
from customers
cross join bins
group by
    customers.clv_segment, customers.repeat_count, recency_bin, age_bin, repeat_band, silence_band, cohort_quarter, customers.last_period_count,
    customers.holdout_count
