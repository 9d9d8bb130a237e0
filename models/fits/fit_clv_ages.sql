-- Grain: a segment, number of repeats and age in days that customers have: what expected orders depend on while alive.
select
    clv_segment,
    repeat_count,
    age_days,
    count(*) as customer_count
from {{ ref('fit_clv_customers') }}
group by clv_segment, repeat_count, age_days
