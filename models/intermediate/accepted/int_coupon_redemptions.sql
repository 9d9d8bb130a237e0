-- Grain: one coupon handed in by one customer at one moment, for one campaign.
with

settled as (
    {{ settled_rows('coupon_redemptions') }}
)

select
    source_system,
    {{ scoped_id('coupon_id', 'id_scope') }} as coupon_id,
    {{ scoped_id('campaign_id', 'id_scope') }} as campaign_id,
    customer_id as source_customer_id,
    redeemed_at,
    {{ local_date('redeemed_at', 'time_zone') }} as redemption_date,
    order_id,
    discount_amount
from settled
