-- Grain: one calendar month from the first data to the as-of date.
with

span as (
    select cast(date_trunc('month', first_data_date) as date) as first_month
    from {{ ref('int_data_span') }}
),

-- Eight centuries of months.
numbers as (
    {{ whole_numbers(4) }}
),

months as (
    select {{ add_months('span.first_month', 'numbers.number') }} as month_start_date
    from span
    cross join numbers
    where {{ add_months('span.first_month', 'numbers.number') }} <= {{ as_of_date() }}
)

select
    month_start_date,
    {{ add_days(add_months('month_start_date', 1), -1) }} as month_end_date,
    {{ add_days(add_months('month_start_date', 1), -1) }} <= {{ as_of_date() }} as is_complete
from months
