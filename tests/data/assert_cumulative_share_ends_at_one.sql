-- Fails if the last customer of a period does not complete the pyramid: the share of customers must reach 1.
select
    period_type,
    period_end_date,
    max(cumulative_customer_share) as highest_share
from {{ ref('customer_pyramid') }}
group by period_type, period_end_date
having max(cumulative_customer_share) <> 1
