-- Grain: one customer whose month-ends may differ from the build's: made again; or everybody, where the usual gap or a rule has changed.
{%- set order_days = ref('int_customer_order_days') %}
{%- set usual = ref('int_usual_gap') %}
with

run as (
    select * from {{ source('control', 'run') }}
),

changed as (
    select customer_key
    from {{ ref('int_changed_customers') }}
    {%- if is_built() %}

    union

    select order_days.customer_key
    from {{ order_days }} as order_days
    cross join {{ usual }} as usual
    inner join {{ as_built('int_built_run') }} as built_run
        on
            usual.usual_gap_days <> built_run.usual_gap_days
            or built_run.lifecycle_rules <> '{{ lifecycle_rules() }}'
    {{ or_unfinished(['customer_key']) }}
    {%- endif %}
)

select
    changed.customer_key,
    run.run_id
from changed
cross join run
