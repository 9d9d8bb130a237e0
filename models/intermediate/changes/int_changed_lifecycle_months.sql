-- Grain: one month-end that is told now and is not in the build, or the other way round; or of which it is known by now who stayed away.
with

run as (
    select * from {{ source('control', 'run') }}
),

month_ends as (
    {{ complete_month_ends() }}
),
{%- if is_built() %}

built as (
    select distinct
        month_end_date,
        has_churned is not null as is_outcome_known
    from {{ as_built('int_customer_month_ends') }}
),

changed as (
    select coalesce(month_ends.month_end_date, built.month_end_date) as month_end_date
    from month_ends
    full outer join built
        on
            month_ends.month_end_date = built.month_end_date
            and month_ends.is_outcome_known = built.is_outcome_known
    where
        month_ends.month_end_date is null
        or built.month_end_date is null
    {{ or_unfinished(['month_end_date']) }}
)
{%- else %}

changed as (
    select month_end_date from month_ends
)
{%- endif %}

select distinct
    changed.month_end_date,
    run.run_id
from changed
cross join run
