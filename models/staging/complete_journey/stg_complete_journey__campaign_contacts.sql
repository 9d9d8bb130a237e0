-- Grain: one household in one campaign.
select
    _file_id,
    _file_row,
    cast(campaign_id as varchar) as campaign_id,
    cast(household_id as varchar) as customer_id
from {{ source('complete_journey', 'campaigns') }}
