-- Grain: one customer, prospects included.
with

persons as (
    select * from {{ ref('int_persons') }}
),

order_days as (
    select
        order_days.*,
        usual.usual_gap_days,
        coalesce(
            {{ is_overdue('order_days.gap_days', var('lapsed_overdue_ratio'), '(order_days.gap_count - 1)',
                          'order_days.earlier_median_gap_days', 'usual.usual_gap_days') }}, false
        ) as is_won_back
    from {{ ref('int_customer_order_days') }} as order_days
    cross join {{ ref('int_usual_gap') }} as usual
),

rates as (
    select *
    from {{ ref('int_churn_rates') }}
    where purpose = 'today'
),

won_back as (
    select
        customer_key,
        count(*) as won_back_count
    from order_days
    where is_won_back
    group by customer_key
),

latest as (
    select
        *,
        cast({{ dbt.datediff('order_date', as_of_date(), 'day') }} as integer) as silent_days
    from order_days
    where next_order_date is null
),

measured as (
    select
        *,
        {{ typical_gap('gap_count', 'median_gap_days', 'usual_gap_days') }} as typical_gap_days,
        {{ overdue_band('silent_days', 'gap_count', 'median_gap_days', 'usual_gap_days') }} as overdue_band,
        {{ gap_band('gap_count', 'median_gap_days', 'usual_gap_days') }} as gap_band,
        {{ is_overdue('silent_days', var('lapsed_overdue_ratio'), 'gap_count', 'median_gap_days', 'usual_gap_days') }} as is_lapse_long,
        {{ is_overdue('silent_days', var('at_risk_overdue_ratio'), 'gap_count', 'median_gap_days', 'usual_gap_days') }} as is_risk_long
    from latest
),

staged as (
    select
        measured.*,
        measured.silent_days / measured.typical_gap_days as overdue_ratio,
        rates.churn_probability,
        rates.churn_basis,
        {{ lifecycle_stage('measured.is_lapse_long', 'measured.is_risk_long', 'rates.churn_probability', 'measured.order_day_number = 1',
                           'measured.is_won_back') }} as lifecycle_stage
    from measured
    left join rates
        on
            measured.overdue_band = rates.overdue_band
            and measured.gap_band = rates.gap_band
),

coded as (
    select
        persons.customer_id,
        coalesce(staged.lifecycle_stage, 'prospect') as lifecycle_stage,
        staged.order_date as last_order_date,
        staged.order_day_number as order_day_count,
        staged.typical_gap_days,
        staged.overdue_ratio,
        staged.churn_probability,
        staged.churn_basis,
        case when staged.customer_key is not null then coalesce(won_back.won_back_count, 0) end as won_back_count
    from persons
    left join staged
        on persons.customer_key = staged.customer_key
    left join won_back
        on persons.customer_key = won_back.customer_key
)

select
    coded.customer_id,
    {{ as_of_date() }} as as_of_date,
    coded.lifecycle_stage,
    coded.last_order_date,
    coded.order_day_count,
    coded.typical_gap_days,
    coded.overdue_ratio,
    greatest(
        {{ add_days('coded.last_order_date', 'round(coded.typical_gap_days)') }},
        case when coded.last_order_date is not null then {{ add_days(as_of_date(), 1) }} end
    ) as expected_next_order_date,
    coded.churn_probability,
    coded.churn_basis,
    coded.won_back_count,
    {{ told_of('lifecycle_stage') }}
from coded
{{ join_playbook('lifecycle_stage', 'coded') }}
