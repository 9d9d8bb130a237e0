-- Grain: one product of one coupon of one campaign.
select
    _file_id,
    _file_row,
    cast(coupon_upc as varchar) as coupon_id,
    cast(campaign_id as varchar) as campaign_id,
    cast(product_id as varchar) as product_id
from {{ source('complete_journey', 'coupons') }}
