-- Grain: one customer number of one source system, wherever it occurs, and the first day it is known.
with

lines as (
    {{ accepted_rows('order_lines') }}
),

records as (
    {{ accepted_rows('customers') }}
),

relations as (
    {{ accepted_rows('customer_relations') }}
),

contacts as (
    select * from {{ ref('int_campaign_contacts') }}
),

redemptions as (
    select * from {{ ref('int_coupon_redemptions') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

-- A record without updated_at holds for every date: known since the earliest.
seen_at as (
    select
        source_system,
        customer_id as source_customer_id,
        min(ordered_at) as known_at
    from lines
    where customer_id is not null
    group by source_system, customer_id

    union all

    select
        source_system,
        customer_id as source_customer_id,
        min(coalesce(updated_at, cast('{{ var("earliest_event_date") }}' as timestamp))) as known_at
    from records
    group by source_system, customer_id
    {%- for entity, moment in {'web_sessions': 'started_at', 'survey_responses': 'responded_at', 'service_cases': 'opened_at', 'loyalty_transactions': 'occurred_at'}.items() %}

    union all

    select
        source_system,
        customer_id as source_customer_id,
        min({{ moment }}) as known_at
    from ({{ accepted_rows(entity) }}) as {{ entity }}
    where customer_id is not null
    group by source_system, customer_id
    {%- endfor %}
),

seen_on as (
    select
        seen_at.source_system,
        seen_at.source_customer_id,
        {{ local_date('seen_at.known_at', 'source_systems.time_zone') }} as known_from_date,
        true as is_dated
    from seen_at
    inner join source_systems
        on seen_at.source_system = source_systems.source_system

    union all

    select
        source_system,
        source_customer_id,
        contact_date as known_from_date,
        true as is_dated
    from contacts

    union all

    select
        source_system,
        source_customer_id,
        redemption_date as known_from_date,
        true as is_dated
    from redemptions
    {%- for side in ['customer_id', 'related_customer_id'] %}

    union all

    -- Nobody says since when two are related: a relation dates those only of whom nothing else is known.
    select
        source_system,
        {{ side }} as source_customer_id,
        cast('{{ var("earliest_event_date") }}' as date) as known_from_date,
        false as is_dated
    from relations
    {%- endfor %}
)

select
    source_system,
    source_customer_id,
    coalesce(min(known_from_date) filter (where is_dated), min(known_from_date)) as known_from_date
from seen_on
group by source_system, source_customer_id
