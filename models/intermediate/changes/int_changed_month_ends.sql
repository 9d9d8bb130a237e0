-- Grain: one month-end that histories are told for now and are not in the build, or the other way round; or with another window.
with

run as (
    select * from {{ source('control', 'run') }}
),

month_ends as (
    {{ told_month_ends() }}
),

differing as (
    {%- if is_built() %}
    {{ differing('month_ends', 'int_clv_month_histories', ['month_end_date', 'window_start_date']) }}
    {%- else %}
    select month_end_date from month_ends
    {%- endif %}
),

changed as (
    select month_end_date from differing
    {%- if is_built() %}
    {{ or_unfinished(['month_end_date']) }}
    {%- endif %}
)

select distinct
    changed.month_end_date,
    run.run_id
from changed
cross join run
