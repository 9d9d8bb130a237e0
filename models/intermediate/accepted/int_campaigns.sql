-- Grain: one campaign.
with

accepted as (
    {{ accepted_rows('campaigns') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
)

select
    source_systems.id_scope,
    {{ scoped_id('accepted.campaign_id', 'source_systems.id_scope') }} as campaign_id,
    accepted.name,
    accepted.kind,
    accepted.channel,
    accepted.started_at,
    accepted.ended_at,
    cast({{ to_local('accepted.started_at', 'source_systems.time_zone') }} as date) as start_date,
    cast({{ to_local('accepted.ended_at', 'source_systems.time_zone') }} as date) as end_date,
    accepted.fixed_cost_amount,
    accepted.objective
from accepted
inner join source_systems
    on accepted.source_system = source_systems.source_system
qualify row_number() over (
    partition by source_systems.id_scope, accepted.campaign_id
    order by accepted.source_system asc
) = 1
