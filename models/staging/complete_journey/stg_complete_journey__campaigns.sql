-- Grain: one campaign.
select
    _file_id,
    _file_row,
    cast(campaign_id as varchar) as campaign_id,
    campaign_type as kind,
    start_date as started_at,
    end_date as ended_at
from {{ source('complete_journey', 'campaign_descriptions') }}
