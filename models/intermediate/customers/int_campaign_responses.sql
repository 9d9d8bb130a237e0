-- Grain: one person who was contacted by a campaign, by the as-of date.
-- A response is a recorded one, or a coupon of the campaign handed in; a campaign without either kind tells nothing.
with

identity as (
    select * from {{ ref('int_customer_identity') }}
),

contacts as (
    select
        identity.customer_key,
        contacts.campaign_id,
        max(case when {{ is_local_by('contacts.responded_at', 'contacts.time_zone', as_of_date()) }} then 1 else 0 end) = 1
            as has_responded
    from {{ ref('int_campaign_contacts') }} as contacts
    inner join identity
        on
            contacts.source_system = identity.source_system
            and contacts.source_customer_id = identity.source_customer_id
    where
        not contacts.is_control
        and contacts.contact_date <= {{ as_of_date() }}
    group by identity.customer_key, contacts.campaign_id
),

redemptions as (
    select distinct
        redemptions.campaign_id,
        identity.customer_key
    from {{ ref('int_coupon_redemptions') }} as redemptions
    inner join identity
        on
            redemptions.source_system = identity.source_system
            and redemptions.source_customer_id = identity.source_customer_id
    where redemptions.redemption_date <= {{ as_of_date() }}
),

coupon_campaigns as (
    select distinct campaign_id
    from {{ ref('int_coupons') }}
    where campaign_id is not null
),

responding_campaigns as (
    select distinct campaign_id
    from contacts
    where has_responded
),

judged as (
    select
        contacts.customer_key,
        responding_campaigns.campaign_id is not null as has_responses,
        coupon_campaigns.campaign_id is not null as has_coupons,
        contacts.has_responded or redemptions.customer_key is not null as has_answered
    from contacts
    left join responding_campaigns
        on contacts.campaign_id = responding_campaigns.campaign_id
    left join coupon_campaigns
        on contacts.campaign_id = coupon_campaigns.campaign_id
    left join redemptions
        on
            contacts.campaign_id = redemptions.campaign_id
            and contacts.customer_key = redemptions.customer_key
),

counted as (
    select
        customer_key,
        count(*) as contact_count,
        count(*) filter (where has_responses or has_coupons) as measurable_contact_count,
        count(*) filter (where has_responses) as response_contact_count,
        count(*) filter (where has_coupons) as coupon_contact_count,
        count(*) filter (where has_answered) as answer_count
    from judged
    group by customer_key
)

select
    customer_key,
    contact_count as campaign_contact_count,
    cast(answer_count as double) / nullif(measurable_contact_count, 0) as campaign_response_rate,
    case
        when measurable_contact_count = 0 then 'unknown'
        when coupon_contact_count = 0 then 'responded_at'
        when response_contact_count = 0 then 'coupon_redemption'
        else 'responded_at_or_coupon_redemption'
    end as campaign_response_basis
from counted
