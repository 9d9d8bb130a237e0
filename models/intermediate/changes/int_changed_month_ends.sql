-- Grain: one month-end that histories are told for now and are not in the build, or the other way round.
with

month_ends as (
    {{ told_month_ends() }}
)
{%- if is_built() %},

built as (
    select distinct month_end_date
    from {{ as_built('int_clv_month_histories') }}
)

select coalesce(month_ends.month_end_date, built.month_end_date) as month_end_date
from month_ends
full join built
    on month_ends.month_end_date = built.month_end_date
where
    month_ends.month_end_date is null
    or built.month_end_date is null
{%- else %}

select month_end_date from month_ends
{%- endif %}
