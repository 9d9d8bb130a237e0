-- Grain: one month-end, stage at the month-end before, stage at this one; `none` for whoever was not known before.
-- Stages as known at each month-end, with today's usual gap and churn table.
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
        state_number,
        previous_state_number,
        cast(null as boolean) as was_known,
        count(*) as customer_count
    from month_ends
    where previous_state_number is not null
    group by month_end_date, state_number, previous_state_number

    union all

    -- At their first month-end as buyers: known before, or not.
    select
        month_ends.month_end_date,
        month_ends.state_number,
        null as previous_state_number,
        persons.known_from_date <= calendar.previous_end_date as was_known,
        count(*) as customer_count
    from month_ends
    inner join calendar
        on month_ends.month_end_date = calendar.month_end_date
    inner join persons
        on month_ends.customer_key = persons.customer_key
    where month_ends.previous_state_number is null
    group by month_ends.month_end_date, month_ends.state_number, persons.known_from_date <= calendar.previous_end_date
),

-- With today's churn table.
states as (
    select
        states.state_number,
        {{ lifecycle_stage('states.is_lapse_long', 'states.is_risk_long', 'rates.churn_probability',
                           'states.is_first_order_day', 'states.is_won_back') }} as lifecycle_stage
    from {{ ref('int_lifecycle_states') }} as states
    left join {{ ref('int_churn_rates') }} as rates
        on
            states.overdue_band = rates.overdue_band
            and states.gap_band = rates.gap_band
            and rates.purpose = 'today'
),

buyers as (
    select
        counted.month_end_date,
        case
            when counted.was_known then 'prospect'
            when not counted.was_known then 'none'
            else previous_states.lifecycle_stage
        end as stage_before,
        states.lifecycle_stage as stage_after,
        counted.customer_count
    from counted
    inner join states
        on counted.state_number = states.state_number
    left join states as previous_states
        on counted.previous_state_number = previous_states.state_number
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
