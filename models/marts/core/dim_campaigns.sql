-- Grain: one campaign begun by the as-of date.
-- ended_at is the plan, known when a campaign begins: it may lie ahead.
select
    campaign_id,
    name,
    kind,
    channel,
    started_at,
    ended_at,
    start_date,
    end_date,
    fixed_cost_amount,
    objective
from {{ ref('int_campaigns') }}
where start_date <= {{ as_of_date() }}
