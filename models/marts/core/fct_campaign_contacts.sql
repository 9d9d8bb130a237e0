-- Grain: one customer contacted, or held back, by one campaign, by the as-of date.
-- What happened after the as-of date had not happened yet.
with

contacts as (
    select *
    from {{ ref('int_campaign_contacts') }}
    where contact_date <= {{ as_of_date() }}
),

identity as (
    select * from {{ ref('int_customer_identity') }}
)

select
    contacts.source_system,
    contacts.campaign_id,
    identity.customer_id,
    contacts.contacted_at,
    contacts.contact_date,
    contacts.contact_date_basis,
    contacts.is_control,
    contacts.variant,
    case
        when {{ is_local_by('contacts.opened_at', 'contacts.time_zone', as_of_date()) }} then contacts.opened_at
    end as opened_at,
    case
        when {{ is_local_by('contacts.clicked_at', 'contacts.time_zone', as_of_date()) }} then contacts.clicked_at
    end as clicked_at,
    case
        when {{ is_local_by('contacts.responded_at', 'contacts.time_zone', as_of_date()) }} then contacts.responded_at
    end as responded_at,
    contacts.cost_amount
from contacts
inner join identity
    on
        contacts.source_system = identity.source_system
        and contacts.source_customer_id = identity.source_customer_id
