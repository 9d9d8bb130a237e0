-- Grain: customers of a segment with as many repeats, last seen and first seen in the same bins of days, counted.
-- Means of the cells are kept, so that bins cost next to nothing (see docs/lifetime_value.md). Few customers: bins of a day.
with

customers as (
    select * from {{ ref('fit_clv_customers') }}
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
    count(*) as customer_count,
    cast(sum(customers.recency_days) as bigint) as recency_days_sum,
    cast(sum(customers.age_days) as bigint) as age_days_sum
from customers
cross join bins
group by customers.clv_segment, customers.repeat_count, recency_bin, age_bin
