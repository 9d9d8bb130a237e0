-- Grain: one customer, prospects included: the headline columns of every mart side by side. What to do stands in the mart of a code.
-- A dozen joins fill the memory at millions of customers: this is made for one part of them after the other, and what codes
-- mean is looked up last.
{{ config(materialized='parted') }}
{% set bands = {
    'rfm': 'rfm_segment', 'tiers': 'pyramid_tier', 'value_bands': 'value_band', 'value_matrix': 'value_quadrant',
    'loyalty': 'loyalty_quadrant', 'lifecycle': 'lifecycle_stage', 'value_tiers': 'value_tier',
} %}
with

customers as (
    select * from {{ ref('dim_customers') }}
),

persons as (
    select *
    from {{ ref('int_persons') }}
    where {{ in_part() }}
),

lifetime as (
    select * from {{ ref('int_customer_purchases') }}
),

rfm as (
    select *
    from {{ ref('customer_rfm') }}
    where {{ in_part() }}
),

tiers as (
    select *
    from {{ ref('customer_pyramid') }}
    where
        period_type = 'trailing_12m'
        and {{ in_part() }}
),

value_bands as (
    select *
    from {{ ref('customer_value_bands') }}
    where {{ in_part() }}
),

value_matrix as (
    select *
    from {{ ref('customer_value_matrix') }}
    where {{ in_part() }}
),

loyalty as (
    select *
    from {{ ref('customer_loyalty') }}
    where {{ in_part() }}
),

lifecycle as (
    select *
    from {{ ref('customer_lifecycle') }}
    where {{ in_part() }}
),

habits as (
    select *
    from {{ ref('customer_5w1h') }}
    where {{ in_part() }}
),

responses as (
    select * from {{ ref('int_campaign_responses') }}
),

referrals as (
    select
        referrer_customer_id as customer_id,
        count(*) as referred_customer_count
    from customers
    where referrer_customer_id is not null
    group by referrer_customer_id
),

value_tiers as (
    select *
    from {{ ref('customer_value_tiers') }}
    where {{ in_part() }}
),

clv as (
    select *
    from {{ ref('customer_clv') }}
    where {{ in_part() }}
),

contact_knowledge as (
    select count(*) > 0 as is_known
    from {{ ref('fct_campaign_contacts') }}
),

-- Where no source tells who recommended whom, nobody's referrals are known.
referral_knowledge as (
    select count(*) > 0 as is_known
    from referrals
),

side_by_side as (
    select
        customers.customer_id,
        {{ as_of_date() }} as as_of_date,
        customers.is_prospect,
        customers.has_returns_only,
        customers.is_member,
        customers.email_consent,
        customers.sms_consent,
        customers.phone_consent,
        customers.age_band,
        customers.gender,
        customers.marital_status,
        customers.income_band,
        customers.household_size,
        customers.has_children,
        customers.city,
        customers.region,
        customers.country,
        customers.acquisition_channel,
        customers.first_order_date,
        customers.last_order_date,
        coalesce(lifetime.order_count, 0) as order_count,
        coalesce(lifetime.order_day_count, 0) as order_day_count,
        coalesce(lifetime.net_sales_amount, 0) as net_sales_amount,
        lifetime.margin_amount,
        rfm.recency_days,
        rfm.frequency_count,
        rfm.monetary_amount,
        rfm.r_score,
        rfm.f_score,
        rfm.m_score,
        rfm.rfm_score,
        tiers.sales_rank,
        {%- for relation, code in bands.items() %}
        {{ relation }}.{{ code }},
        {%- endfor %}
        rfm.rfm_octant,
        value_bands.value_score,
        value_bands.value_basis,
        value_matrix.margin_rate,
        loyalty.repeat_score,
        loyalty.attitude_score,
        loyalty.attitude_basis,
        lifecycle.typical_gap_days,
        lifecycle.overdue_ratio,
        lifecycle.expected_next_order_date,
        lifecycle.churn_probability,
        lifecycle.churn_basis,
        lifecycle.won_back_count,
        clv.alive_probability,
        clv.expected_orders_12m,
        clv.expected_order_margin_amount,
        clv.historic_clv_amount,
        clv.historic_clv_basis,
        clv.predicted_clv_amount,
        clv.clv_basis,
        habits.top_category,
        habits.need_cluster,
        habits.main_channel,
        habits.home_store_id,
        habits.discount_share,
        habits.average_order_amount,
        case when contact_knowledge.is_known then coalesce(responses.campaign_contact_count, 0) end as campaign_contact_count,
        responses.campaign_response_rate,
        responses.campaign_response_basis,
        case
            when referral_knowledge.is_known then coalesce(referrals.referred_customer_count, 0)
        end as referred_customer_count
    from customers
    inner join persons
        on customers.customer_id = persons.customer_id
    cross join referral_knowledge
    cross join contact_knowledge
    left join lifetime
        on persons.customer_key = lifetime.customer_key
    left join rfm
        on customers.customer_id = rfm.customer_id
    left join tiers
        on customers.customer_id = tiers.customer_id
    left join value_bands
        on customers.customer_id = value_bands.customer_id
    left join value_matrix
        on customers.customer_id = value_matrix.customer_id
    left join loyalty
        on customers.customer_id = loyalty.customer_id
    left join lifecycle
        on customers.customer_id = lifecycle.customer_id
    left join value_tiers
        on customers.customer_id = value_tiers.customer_id
    left join clv
        on customers.customer_id = clv.customer_id
    left join habits
        on customers.customer_id = habits.customer_id
    left join responses
        on persons.customer_key = responses.customer_key
    left join referrals
        on customers.customer_id = referrals.customer_id
)

select
    side_by_side.*,
    {{ name_of('rfm_segment') }},
    {{ name_of('rfm_octant') }},
    {{ name_of('pyramid_tier') }},
    {{ name_of('value_band') }},
    {{ name_of('value_quadrant') }},
    {{ name_of('loyalty_quadrant') }},
    {{ name_of('lifecycle_stage') }},
    {{ name_of('value_tier') }}
from side_by_side
{{ join_playbook('rfm_segment', 'side_by_side') }}
{{ join_playbook('rfm_octant', 'side_by_side') }}
{{ join_playbook('pyramid_tier', 'side_by_side') }}
{{ join_playbook('value_band', 'side_by_side') }}
{{ join_playbook('value_quadrant', 'side_by_side') }}
{{ join_playbook('loyalty_quadrant', 'side_by_side') }}
{{ join_playbook('lifecycle_stage', 'side_by_side') }}
{{ join_playbook('value_tier', 'side_by_side') }}
