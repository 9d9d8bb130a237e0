-- Grain: one customer number of one source system, and the person it belongs to.
-- The identity stage: one number of one scope is one person for now. A real single customer view replaces this model only.
with

source_customers as (
    select
        source_customers.*,
        source_systems.customer_scope
    from {{ ref('int_source_customers') }} as source_customers
    inner join {{ source('control', 'source_systems') }} as source_systems
        on source_customers.source_system = source_systems.source_system
),

identity_key as (
    select * from {{ source('control', 'identity_key') }}
),

hashed as (
    select
        source_customers.source_system,
        source_customers.source_customer_id,
        source_customers.known_from_date,
        source_customers.customer_scope <> source_customers.source_system as is_shared_number,
        {{ pseudonym("identity_key.secret || '|person|' || source_customers.customer_scope || '|' || source_customers.source_customer_id") }}
            as customer_id,
        {{ pseudonym("identity_key.secret || '|record|' || source_customers.source_system || '|' || source_customers.source_customer_id") }}
            as source_customer_pseudonym
    from source_customers
    cross join identity_key
)

select
    source_system,
    source_customer_id,
    known_from_date,
    {{ integer_key('customer_id') }} as customer_key,
    customer_id,
    source_customer_pseudonym,
    case when is_shared_number then 'shared_number' else 'source_record' end as match_basis,
    cast(1 as double) as match_probability
from hashed
