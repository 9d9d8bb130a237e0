-- Grain: one customer contacted, or held back, by one campaign.
-- A contact without a moment of its own is dated by the first day of its campaign.
with

accepted as (
    {{ accepted_rows('campaign_contacts') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

campaigns as (
    select * from {{ ref('int_campaigns') }}
),

scoped as (
    select
        accepted.*,
        source_systems.time_zone,
        {{ scoped_id('accepted.campaign_id', 'source_systems.id_scope') }} as scoped_campaign_id
    from accepted
    inner join source_systems
        on accepted.source_system = source_systems.source_system
)

select
    scoped.source_system,
    scoped.scoped_campaign_id as campaign_id,
    scoped.customer_id as source_customer_id,
    scoped.contacted_at,
    coalesce(cast({{ to_local('scoped.contacted_at', 'scoped.time_zone') }} as date), campaigns.start_date) as contact_date,
    case
        when scoped.contacted_at is not null then 'contacted_at'
        when campaigns.start_date is not null then 'campaign_start'
        else 'unknown'
    end as contact_date_basis,
    coalesce(scoped.is_control, false) as is_control,
    scoped.variant,
    scoped.opened_at,
    scoped.clicked_at,
    scoped.responded_at,
    scoped.cost_amount
from scoped
left join campaigns
    on scoped.scoped_campaign_id = campaigns.campaign_id
