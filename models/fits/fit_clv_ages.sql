-- Grain: a segment, number of repeats and age in days that customers have, today or at a month-end that tiers are told for.
with

customers as (
    select * from {{ ref('fit_clv_customers') }}
),

places as (
    select
        clv_segment,
        repeat_count,
        age_days
    from customers
    union all
    select
        customers.clv_segment,
        histories.repeat_count,
        histories.age_days
    from {{ ref('int_clv_month_histories') }} as histories
    inner join customers
        on histories.customer_key = customers.customer_key
)

select
    clv_segment,
    repeat_count,
    age_days,
    count(*) as customer_count
from places
group by clv_segment, repeat_count, age_days
