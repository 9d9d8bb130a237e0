-- Grain: one customer record of one source system, as known on the as-of date.
-- Holds personal data: stays in the restricted schema.
with

accepted as (
    {{ accepted_rows('customers') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

known as (
    select accepted.*
    from accepted
    inner join source_systems
        on accepted.source_system = source_systems.source_system
    where
        accepted.updated_at is null
        or cast({{ to_local('accepted.updated_at', 'source_systems.time_zone') }} as date) <= {{ as_of_date() }}
)

select *
from known
qualify row_number() over (
    partition by source_system, customer_id
    order by updated_at desc nulls last
) = 1
