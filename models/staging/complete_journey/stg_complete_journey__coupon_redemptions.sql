-- Grain: one coupon handed in by one household for one campaign on one day.
select
    _file_id,
    _file_row,
    cast(coupon_upc as varchar) as coupon_id,
    cast(household_id as varchar) as customer_id,
    redemption_date as redeemed_at,
    cast(campaign_id as varchar) as campaign_id
from {{ source('complete_journey', 'coupon_redemptions') }}
