-- Grain: one person known by the as-of date, with or without orders.
-- Directly identifying columns stay behind; the birthday leaves as an age band.
with

persons as (
    select * from {{ ref('int_persons') }}
),

identity as {{ inlined() }} (
    select * from {{ ref('int_customer_identity') }}
),

records as {{ inlined() }} (
    select * from {{ ref('int_customers') }}
),

purchases as (
    select * from {{ ref('int_customer_purchases') }}
),

age_bands as (
    select * from {{ ref('age_bands') }}
),

identity_key as (
    select * from {{ source('control', 'identity_key') }}
),

-- Where a person has several records, the latest speaks.
latest as (
    select
        identity.customer_key,
        records.source_system,
        records.customer_id
    from records
    inner join identity
        on
            records.source_system = identity.source_system
            and records.customer_id = identity.source_customer_id
    qualify row_number() over (
        partition by identity.customer_key
        order by records.updated_at desc nulls last, records.source_system asc, records.customer_id asc
    ) = 1
),

attributes as (
    select
        latest.customer_key,
        records.*
    from records
    inner join latest
        on
            records.source_system = latest.source_system
            and records.customer_id = latest.customer_id
),

-- Bands are looked up once a birthday: by ranges, for every person, takes as long as all other joins.
birthdays as (
    select distinct birth_date
    from records
),

banded as (
    select
        birthdays.birth_date,
        age_bands.age_band
    from birthdays
    inner join age_bands
        on {{ age_in_years('birthdays.birth_date', as_of_date()) }} between age_bands.lowest_age and age_bands.highest_age
),

aged as (
    select
        *,
        coalesce(not {{ is_local_by('registered_at', 'time_zone', as_of_date()) }}, false) as is_registered_later
    from attributes
)

select
    persons.customer_id,
    coalesce(aged.age_band, banded.age_band) as age_band,
    aged.gender,
    aged.marital_status,
    aged.income_band,
    aged.occupation,
    aged.job_title,
    aged.industry,
    aged.education,
    aged.religion,
    {{ pseudonym("identity_key.secret || '|household|' || aged.source_system || '|' || aged.household_id") }} as household_id,
    aged.household_size,
    aged.has_children,
    aged.home_ownership,
    aged.dwelling_type,
    aged.lifestyle,
    aged.personality,
    aged.interests,
    aged.risk_attitude,
    aged.purchase_motive,
    aged.stated_needs,
    aged.city,
    aged.region,
    aged.country,
    case when not aged.is_registered_later then aged.registered_at end as registered_at,
    case when not aged.is_registered_later then aged.acquisition_channel end as acquisition_channel,
    case
        when not aged.is_registered_later then {{ scoped_id('aged.acquisition_campaign_id', 'aged.id_scope') }}
    end as acquisition_campaign_id,
    case when not aged.is_registered_later then aged.acquisition_cost_amount end as acquisition_cost_amount,
    referrers.customer_id as referrer_customer_id,
    aged.is_member,
    aged.email_consent,
    aged.sms_consent,
    aged.phone_consent,
    aged.is_deleted,
    purchases.first_order_date,
    purchases.last_order_date,
    persons.source_record_count,
    purchases.first_order_date is null as is_prospect,
    purchases.customer_key is not null and purchases.first_order_date is null as has_returns_only
from persons
cross join identity_key
left join aged
    on persons.customer_key = aged.customer_key
left join banded
    on aged.birth_date = banded.birth_date
left join identity as referrers
    on
        aged.source_system = referrers.source_system
        and aged.referrer_customer_id = referrers.source_customer_id
        and referrers.known_from_date <= {{ as_of_date() }}
left join purchases
    on persons.customer_key = purchases.customer_key
