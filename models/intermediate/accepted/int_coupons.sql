-- Grain: one product that one coupon of one campaign is good for.
with

accepted as (
    {{ accepted_rows('coupons') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
)

select distinct
    {{ scoped_id('accepted.coupon_id', 'source_systems.id_scope') }} as coupon_id,
    {{ scoped_id('accepted.campaign_id', 'source_systems.id_scope') }} as campaign_id,
    {{ scoped_id('accepted.product_id', 'source_systems.id_scope') }} as product_id
from accepted
inner join source_systems
    on accepted.source_system = source_systems.source_system
