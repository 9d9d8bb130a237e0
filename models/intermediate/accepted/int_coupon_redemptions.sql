-- Grain: one coupon handed in by one customer at one moment, for one campaign.
with

accepted as (
    {{ accepted_rows('coupon_redemptions') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
)

select
    accepted.source_system,
    {{ scoped_id('accepted.coupon_id', 'source_systems.id_scope') }} as coupon_id,
    {{ scoped_id('accepted.campaign_id', 'source_systems.id_scope') }} as campaign_id,
    accepted.customer_id as source_customer_id,
    accepted.redeemed_at,
    cast({{ to_local('accepted.redeemed_at', 'source_systems.time_zone') }} as date) as redemption_date,
    accepted.order_id,
    accepted.discount_amount
from accepted
inner join source_systems
    on accepted.source_system = source_systems.source_system
