-- Grain: one product that one coupon of one campaign is good for.
with

settled as (
    {{ settled_rows('coupons') }}
)

select distinct
    {{ scoped_id('coupon_id', 'id_scope') }} as coupon_id,
    {{ scoped_id('campaign_id', 'id_scope') }} as campaign_id,
    {{ scoped_id('product_id', 'id_scope') }} as product_id
from settled
