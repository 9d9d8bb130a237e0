-- Grain: one landed content, at its path, that counts now and did not when the build was made, or the other way round.
-- Empty where everything is built anew.
{%- set loads = source('control', 'loads') %}
with

run as (
    select * from {{ source('control', 'run') }}
),

counted as (
    select
        _file_id,
        file
    from {{ loads }}
    where is_current
),

changed as (
    {%- if is_built() %}
    {{ differing('counted', 'int_built_loads', ['_file_id', 'file']) }}
    {{ or_unfinished(['_file_id', 'file']) }}
    {%- else %}
    select
        _file_id,
        file
    from counted
    where false
    {%- endif %}
)

select
    changed._file_id,
    changed.file,
    run.run_id
from changed
cross join run
