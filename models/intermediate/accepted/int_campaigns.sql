-- Grain: one campaign.
with

settled as (
    {{ settled_rows('campaigns') }}
)

select
    id_scope,
    {{ scoped_id('campaign_id', 'id_scope') }} as campaign_id,
    name,
    kind,
    channel,
    started_at,
    ended_at,
    {{ local_date('started_at', 'time_zone') }} as start_date,
    {{ local_date('ended_at', 'time_zone') }} as end_date,
    fixed_cost_amount,
    objective
from settled
qualify row_number() over (
    partition by id_scope, campaign_id
    order by source_system asc
) = 1
