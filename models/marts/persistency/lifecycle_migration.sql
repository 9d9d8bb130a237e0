-- Grain: one month-end, stage at the month-end before, stage at this one; `none` for whoever was not known before.
-- Stages as known at each month-end, with today's usual gap and churn table.
with

staged as (
    select
        month_ends.customer_key,
        month_ends.month_end_date,
        {{ lifecycle_stage('month_ends.is_lapse_long', 'month_ends.is_risk_long', 'rates.churn_probability',
                           'month_ends.order_day_number', 'month_ends.is_won_back') }} as lifecycle_stage
    from {{ ref('int_customer_month_ends') }} as month_ends
    left join {{ ref('int_churn_rates') }} as rates
        on
            month_ends.overdue_band = rates.overdue_band
            and month_ends.gap_band = rates.gap_band
            and rates.purpose = 'today'
),

calendar as (
    select
        month_end_date,
        {{ add_days("cast(date_trunc('month', month_end_date) as date)", -1) }} as previous_end_date
    from (select distinct staged.month_end_date from staged) as ends
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

prospects as (
    select
        calendar.month_end_date,
        calendar.previous_end_date,
        persons.known_from_date
    from calendar
    inner join persons
        on
            calendar.month_end_date >= persons.known_from_date
            and (persons.first_order_date is null or calendar.month_end_date < persons.first_order_date)
),

buyers as (
    select
        customer_key,
        month_end_date,
        lifecycle_stage as stage_after,
        lag(lifecycle_stage) over (partition by customer_key order by month_end_date asc) as stage_before
    from staged
),

moves as (
    select
        month_end_date,
        case when known_from_date <= previous_end_date then 'prospect' else 'none' end as stage_before,
        'prospect' as stage_after
    from prospects

    union all

    select
        month_end_date,
        stage_before,
        stage_after
    from buyers
    where stage_before is not null

    union all

    -- At their first month-end as buyers: known before, or not.
    select
        buyers.month_end_date,
        case when persons.known_from_date <= calendar.previous_end_date then 'prospect' else 'none' end as stage_before,
        buyers.stage_after
    from buyers
    inner join calendar
        on buyers.month_end_date = calendar.month_end_date
    inner join persons
        on buyers.customer_key = persons.customer_key
    where buyers.stage_before is null
)

select
    {{ as_of_date() }} as as_of_date,
    month_end_date,
    stage_before,
    stage_after,
    count(*) as customer_count
from moves
group by month_end_date, stage_before, stage_after
