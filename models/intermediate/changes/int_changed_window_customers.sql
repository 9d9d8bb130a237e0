-- Grain: one customer whose trailing window may differ from the build's: made again, or its first days have moved.
{%- set days = ref('int_customer_days') %}
{%- set start = window_start_date() %}
with

run as (
    select * from {{ source('control', 'run') }}
),

changed as (
    select customer_key
    from {{ ref('int_changed_customers') }}
    {%- if is_built() %}

    -- Days that were within the window and are not any more, or the other way round.
    union

    select customer_days.customer_key
    from {{ days }} as customer_days
    inner join {{ as_built('int_built_run') }} as built_run
        on
            customer_days.activity_date > least(built_run.window_start_date, {{ start }})
            and customer_days.activity_date <= greatest(built_run.window_start_date, {{ start }})
    {{ or_unfinished(['customer_key']) }}
    {%- endif %}
)

select
    changed.customer_key,
    run.run_id
from changed
cross join run
