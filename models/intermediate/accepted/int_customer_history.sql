-- Grain: one version of one customer record of one source system (type 2).
-- A version holds from its updated_at until the next one's; without updated_at, from ever. Holds personal data.
{{ config(materialized='view') }}
with

settled as (
    {{ settled_rows('customers') }}
),

followed as (
    select
        *,
        lead(updated_at) over (
            partition by source_system, customer_id
            order by updated_at asc nulls first
        ) as next_updated_at
    from settled
)

select
    *,
    {{ local_date('updated_at', 'time_zone') }} as valid_from_date,
    {{ local_date('next_updated_at', 'time_zone') }} as valid_to_date
from followed
