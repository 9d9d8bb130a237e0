-- Grain: one coupon handed in by one customer at one moment for one campaign, by the as-of date.
with

redemptions as (
    select *
    from {{ ref('int_coupon_redemptions') }}
    where redemption_date <= {{ as_of_date() }}
),

identity as (
    select * from {{ ref('int_customer_identity') }}
)

select
    redemptions.source_system,
    redemptions.coupon_id,
    redemptions.campaign_id,
    identity.customer_id,
    redemptions.redeemed_at,
    redemptions.redemption_date,
    redemptions.order_id,
    redemptions.discount_amount
from redemptions
inner join identity
    on
        redemptions.source_system = identity.source_system
        and redemptions.source_customer_id = identity.source_customer_id
