-- Grain: one day of every calendar year that the data or the as-of date touches.
with

touched as (
    select {{ as_of_date() }} as date_day
    {%- for relation, column in {
        'fct_order_lines': 'order_date', 'fct_web_sessions': 'session_date', 'fct_survey_responses': 'response_date',
        'fct_service_cases': 'opened_date', 'fct_loyalty_transactions': 'transaction_date',
        'fct_marketing_costs': 'cost_date', 'fct_promotions': 'start_date', 'fct_coupon_redemptions': 'redemption_date'
    }.items() %}

    union all

    select min({{ column }}) as date_day
    from {{ ref(relation) }}
    {%- endfor %}
),

span as (
    select
        cast(date_trunc('year', min(date_day)) as date) as first_day,
        {{ add_months("cast(date_trunc('year', max(date_day)) as date)", 12) }} as day_after
    from touched
),

-- Two and a half centuries of days.
numbers as (
    {{ whole_numbers(5) }}
),

days as (
    select {{ add_days('span.first_day', 'numbers.number') }} as date_day
    from span
    cross join numbers
    where {{ add_days('span.first_day', 'numbers.number') }} < span.day_after
),

holidays as (
    select *
    from {{ ref('holidays') }}
    where country = '{{ var("holiday_country") }}'
),

known_years as (
    select distinct extract(year from holiday_date) as year_number
    from holidays
)

select
    days.date_day,
    cast(extract(year from days.date_day) as integer) as year_number,
    cast(extract(quarter from days.date_day) as integer) as quarter_number,
    cast(date_trunc('quarter', days.date_day) as date) as quarter_start_date,
    cast(extract(month from days.date_day) as integer) as month_number,
    cast(date_trunc('month', days.date_day) as date) as month_start_date,
    cast({{ iso_year('days.date_day') }} as integer) as iso_year_number,
    cast({{ iso_week('days.date_day') }} as integer) as iso_week_number,
    cast(date_trunc('week', days.date_day) as date) as week_start_date,
    cast(extract(day from days.date_day) as integer) as day_of_month,
    cast({{ iso_weekday('days.date_day') }} as integer) as weekday_number,
    {{ iso_weekday('days.date_day') }} >= 6 as is_weekend,
    case when known_years.year_number is not null then holidays.holiday_date is not null end as is_holiday,
    holidays.name_en as holiday_label_en,
    holidays.name_zh as holiday_label_zh
from days
left join known_years
    on extract(year from days.date_day) = known_years.year_number
left join holidays
    on days.date_day = holidays.holiday_date
