-- Grain: one order of which a landed row came or went since the build was made, or whose day is asked for again.
-- Every rule of the contract for order lines looks within one order, so this is all that has to be checked again.
{%- set unioned = ref('int_order_lines__unioned') %}
with

run as (
    select * from {{ source('control', 'run') }}
),

changed_files as (
    select * from {{ ref('int_changed_files') }}
),

changed as (
    select
        source_system,
        order_id
    from {{ unioned }}
    where
        order_id is not null
        and _file_id in (select changed_files._file_id from changed_files)
    {%- if is_incremental_run() %}
    {%- for model in ['int_order_lines', 'int_order_lines__exceptions', 'int_order_lines__cancelled'] %}

    union

    select
        source_system,
        order_id
    from {{ as_built(model) }}
    where
        order_id is not null
        and _file_id in (select changed_files._file_id from changed_files)
    {%- endfor %}

    -- Days asked for again, as the build has them and as the raw zone has them.
    union

    select
        built_lines.source_system,
        built_lines.order_id
    from {{ as_built('int_order_lines') }} as built_lines
    inner join run
        on
            built_lines.order_date >= run.again_from_date
            and built_lines.order_date <= run.again_until_date

    union

    -- No zone is a whole day away from UTC.
    select
        incoming.source_system,
        incoming.order_id
    from {{ unioned }} as incoming
    inner join run
        on
            incoming.ordered_at >= {{ add_days('run.again_from_date', -1) }}
            and incoming.ordered_at < {{ add_days('run.again_until_date', 2) }}
    where incoming.order_id is not null
    {{ or_unfinished(['source_system', 'order_id']) }}
    {%- endif %}
)

select distinct
    changed.source_system,
    changed.order_id,
    run.run_id
from changed
cross join run
