-- Grain: one product that one coupon of one campaign is good for.
select
    coupons.coupon_id,
    coupons.campaign_id,
    coupons.product_id
from {{ ref('int_coupons') }} as coupons
left join {{ ref('int_campaigns') }} as campaigns
    on coupons.campaign_id = campaigns.campaign_id
where
    campaigns.start_date is null
    or campaigns.start_date <= {{ as_of_date() }}
