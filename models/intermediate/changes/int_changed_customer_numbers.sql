-- Grain: one customer number that is somebody else's than in the build, or known where it was not, or the other way round; as it is
-- now and as it was. Empty where everything is built anew.
{%- set known = customers_as_known() %}
{%- set columns = ['source_system', 'source_customer_id', 'customer_key', 'is_known'] %}
with

run as (
    select * from {{ source('control', 'run') }}
),

known_customers as (
    {{ known }}
),

changed as (
    {%- if is_built() %}
    {{ differing('known_customers', 'int_built_customers', columns) }}
    {{ or_unfinished(columns) }}
    {%- else %}
    select * from known_customers
    where false
    {%- endif %}
)

select
    changed.*,
    run.run_id
from changed
cross join run
