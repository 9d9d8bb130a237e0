-- Grain: one month-end that histories are told for now and are not in the build, or the other way round; or with another window.
with

month_ends as (
    {{ told_month_ends() }}
),

changed as (
    {%- if is_built() %}
    {{ differing('month_ends', 'int_clv_month_histories', ['month_end_date', 'window_start_date']) }}
    {%- else %}
    select month_end_date from month_ends
    {%- endif %}
)

select distinct month_end_date
from changed
