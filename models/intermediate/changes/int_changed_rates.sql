-- Grain: one exchange rate that differs from the build's, as it is now and as it was. Empty where everything is built anew.
{%- set rates = ref('int_exchange_rates') %}
{%- set columns = ['currency', 'rate_date', 'rate'] %}
with

run as (
    select * from {{ source('control', 'run') }}
),

changed as (
    {%- if is_built() %}
    {{ differing(rates, 'int_built_rates', columns) }}
    {{ or_unfinished(columns) }}
    {%- else %}
    select {{ columns | join(', ') }}
    from {{ rates }}
    where false
    {%- endif %}
)

select
    changed.*,
    run.run_id
from changed
cross join run
