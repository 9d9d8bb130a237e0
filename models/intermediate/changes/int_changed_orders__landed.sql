-- Grain: one order of which a landed row came or went since the build was made.
-- Every rule of the contract for order lines looks within one order, so this is all that has to be checked again.
{%- set unioned = ref('int_order_lines__unioned') %}
with

run as (
    select * from {{ source('control', 'run') }}
),

changed_loads as (
    select distinct _file_id
    from {{ ref('int_changed_loads') }}
),

changed as (
    select
        source_system,
        order_id
    from {{ unioned }}
    where
        order_id is not null
        and _file_id in (select changed_loads._file_id from changed_loads)
    {%- if is_built() %}
    {%- for model in ['int_order_lines', 'int_order_lines__exceptions', 'int_order_lines__cancelled'] %}

    union

    select
        source_system,
        order_id
    from {{ as_built(model) }}
    where
        order_id is not null
        and _file_id in (select changed_loads._file_id from changed_loads)
    {%- endfor %}
    {{ or_unfinished(['source_system', 'order_id']) }}
    {%- endif %}
)

select distinct
    changed.source_system,
    changed.order_id,
    run.run_id
from changed
cross join run
