-- Grain: one day of one channel and campaign, up to the as-of date.
with

costs as (
    {{ settled_rows('marketing_costs') }}
)

select
    source_system,
    cost_date,
    channel,
    {{ scoped_id('campaign_id', 'id_scope') }} as campaign_id,
    spend_amount,
    impressions,
    clicks
from costs
where cost_date <= {{ as_of_date() }}
