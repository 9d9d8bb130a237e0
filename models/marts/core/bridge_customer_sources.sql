-- Grain: one customer number of one source system.
select
    source_system,
    {{ 'source_customer_id' if var('publish_source_customer_ids') else 'source_customer_pseudonym' }} as source_customer_id,
    customer_id,
    match_basis,
    match_probability
from {{ ref('int_customer_identity') }}
where known_from_date <= {{ as_of_date() }}
