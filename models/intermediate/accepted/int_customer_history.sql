-- Grain: one version of one customer record of one source system (type 2).
-- A version holds from its updated_at until the next one's; without updated_at, from ever. Holds personal data.
{{ config(materialized='view') }}
with

settled as {{ inlined() }} (
    {{ settled_rows('customers') }}
),

-- Few records have several versions: sorting only those, without their columns, takes a tenth of the time.
changing as (
    select
        source_system,
        customer_id
    from settled
    group by source_system, customer_id
    having count(*) > 1
),

versions as (
    select
        settled.source_system,
        settled.customer_id,
        settled.updated_at,
        lead(settled.updated_at) over (
            partition by settled.source_system, settled.customer_id
            order by settled.updated_at asc nulls first
        ) as next_updated_at
    from settled
    inner join changing
        on
            settled.source_system = changing.source_system
            and settled.customer_id = changing.customer_id
),

followed as (
    select
        settled.*,
        versions.next_updated_at
    from settled
    left join versions
        on
            settled.source_system = versions.source_system
            and settled.customer_id = versions.customer_id
            -- No record is two thousand years old: this stands for NULL.
            and coalesce(settled.updated_at, cast('0001-01-01' as timestamp))
            = coalesce(versions.updated_at, cast('0001-01-01' as timestamp))
)

select
    *,
    {{ local_date('updated_at', 'time_zone') }} as valid_from_date,
    {{ local_date('next_updated_at', 'time_zone') }} as valid_to_date
from followed
