-- Grain: one customer contacted, or held back, by one campaign.
-- A contact without a moment of its own is dated by the first day of its campaign; without a campaign record it counts
-- as known from ever (`contact_date_basis` = unknown).
with

settled as (
    {{ settled_rows('campaign_contacts') }}
),

campaigns as (
    select * from {{ ref('int_campaigns') }}
)

select
    settled.source_system,
    settled.time_zone,
    {{ scoped_id('settled.campaign_id', 'settled.id_scope') }} as campaign_id,
    settled.customer_id as source_customer_id,
    settled.contacted_at,
    coalesce(
        {{ local_date('settled.contacted_at', 'settled.time_zone') }},
        campaigns.start_date,
        cast('{{ var("earliest_event_date") }}' as date)
    ) as contact_date,
    case
        when settled.contacted_at is not null then 'contacted_at'
        when campaigns.start_date is not null then 'campaign_start'
        else 'unknown'
    end as contact_date_basis,
    settled.is_control,
    settled.variant,
    settled.opened_at,
    settled.clicked_at,
    settled.responded_at,
    settled.cost_amount
from settled
left join campaigns
    on {{ scoped_id('settled.campaign_id', 'settled.id_scope') }} = campaigns.campaign_id
