-- Grain: one person known by the as-of date.
with

identity as (
    select *
    from {{ ref('int_customer_identity') }}
    where known_from_date <= {{ as_of_date() }}
)

select
    customer_key,
    customer_id,
    count(*) as source_record_count
from identity
group by customer_key, customer_id
