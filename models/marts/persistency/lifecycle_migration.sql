-- Grain: one month-end, stage at the month-end before, stage at this one; `none` for whoever was not known before.
-- Stages as known at each month-end, with today's usual gap and churn table.
{%- set states = lifecycle_states() %}
with

month_ends as (
    select * from {{ ref('int_customer_month_ends') }}
),

calendar as (
    select
        month_end_date,
        {{ add_days("cast(date_trunc('month', month_end_date) as date)", -1) }} as previous_end_date
    from (select distinct month_ends.month_end_date from month_ends) as ends
),

persons as (
    select
        identity.customer_key,
        min(identity.known_from_date) as known_from_date,
        min(purchases.first_order_date) as first_order_date
    from {{ ref('int_customer_identity') }} as identity
    left join {{ ref('int_customer_purchases') }} as purchases
        on identity.customer_key = purchases.customer_key
    where identity.known_from_date <= {{ as_of_date() }}
    group by identity.customer_key
),

-- Millions of customers are a few hundred states: stages are told of those.
counted as (
    select
        month_end_date,
        {%- for state in states %}
        {{ state }},
        previous_{{ state }},
        {%- endfor %}
        cast(null as boolean) as was_known,
        count(*) as customer_count
    from month_ends
    where previous_is_first_order_day is not null
    group by month_end_date {%- for state in states %}, {{ state }}, previous_{{ state }}{% endfor %}

    union all

    -- At their first month-end as buyers: known before, or not.
    select
        month_ends.month_end_date,
        {%- for state in states %}
        month_ends.{{ state }},
        null as previous_{{ state }},
        {%- endfor %}
        persons.known_from_date <= calendar.previous_end_date as was_known,
        count(*) as customer_count
    from month_ends
    inner join calendar
        on month_ends.month_end_date = calendar.month_end_date
    inner join persons
        on month_ends.customer_key = persons.customer_key
    where month_ends.previous_is_first_order_day is null
    group by
        month_ends.month_end_date {%- for state in states %}, month_ends.{{ state }}{% endfor %},
        persons.known_from_date <= calendar.previous_end_date
),

buyers as (
    select
        counted.month_end_date,
        case
            when counted.was_known then 'prospect'
            when not counted.was_known then 'none'
            else
                {{ lifecycle_stage('counted.previous_is_lapse_long', 'counted.previous_is_risk_long', 'previous_rates.churn_probability',
                                   'counted.previous_is_first_order_day', 'counted.previous_is_won_back') }}
        end as stage_before,
        {{ lifecycle_stage('counted.is_lapse_long', 'counted.is_risk_long', 'rates.churn_probability',
                           'counted.is_first_order_day', 'counted.is_won_back') }} as stage_after,
        counted.customer_count
    from counted
    left join {{ ref('int_churn_rates') }} as rates
        on
            counted.overdue_band = rates.overdue_band
            and counted.gap_band = rates.gap_band
            and rates.purpose = 'today'
    left join {{ ref('int_churn_rates') }} as previous_rates
        on
            counted.previous_overdue_band = previous_rates.overdue_band
            and counted.previous_gap_band = previous_rates.gap_band
            and previous_rates.purpose = 'today'
),

-- Days within a month make no difference at its end.
known_months as (
    select
        cast(date_trunc('month', known_from_date) as date) as known_month,
        cast(date_trunc('month', first_order_date) as date) as first_order_month,
        count(*) as customer_count
    from persons
    group by known_month, first_order_month
),

prospects as (
    select
        calendar.month_end_date,
        case when known_months.known_month <= calendar.previous_end_date then 'prospect' else 'none' end as stage_before,
        'prospect' as stage_after,
        known_months.customer_count
    from calendar
    inner join known_months
        on
            calendar.month_end_date >= known_months.known_month
            and (known_months.first_order_month is null or calendar.month_end_date < known_months.first_order_month)
),

moves as (
    select * from prospects
    union all
    select * from buyers
)

select
    {{ as_of_date() }} as as_of_date,
    month_end_date,
    stage_before,
    stage_after,
    cast(sum(customer_count) as bigint) as customer_count
from moves
group by month_end_date, stage_before, stage_after
