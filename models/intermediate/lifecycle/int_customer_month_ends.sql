-- Grain: one customer at the end of one complete month from their first order on, as known then, and at the month-end before.
with

order_days as (
    select * from {{ ref('int_customer_order_days') }}
),

usual as (
    select * from {{ ref('int_usual_gap') }}
),

month_ends as (
    {{ complete_month_ends() }}
),

placed as (
    select
        order_days.*,
        month_ends.month_end_date,
        month_ends.is_outcome_known
    from order_days
    inner join month_ends
        on
            {{ stands_at('order_days', 'month_ends.month_end_date') }}
),

measured as (
    select
        placed.*,
        usual.usual_gap_days,
        cast({{ dbt.datediff('placed.order_date', 'placed.month_end_date', 'day') }} as integer) as silent_days
    from placed
    cross join usual
),

judged as (
    select
        customer_key,
        month_end_date,
        case
            when is_outcome_known
                then
                    next_order_date is null
                    or next_order_date > {{ add_days('month_end_date', var('churn_horizon_days')) }}
        end as has_churned,
        order_day_number = 1 as is_first_order_day,
        {{ overdue_band('silent_days', 'gap_count', 'median_gap_days', 'usual_gap_days') }} as overdue_band,
        {{ gap_band('gap_count', 'median_gap_days', 'usual_gap_days') }} as gap_band,
        {{ is_overdue('silent_days', var('lapsed_overdue_ratio'), 'gap_count', 'median_gap_days', 'usual_gap_days') }} as is_lapse_long,
        {{ is_overdue('silent_days', var('at_risk_overdue_ratio'), 'gap_count', 'median_gap_days', 'usual_gap_days') }} as is_risk_long,
        coalesce(
            {{ is_overdue('gap_days', var('lapsed_overdue_ratio'), '(gap_count - 1)', 'earlier_median_gap_days', 'usual_gap_days') }}, false
        ) as is_won_back
    from measured
),

numbered as (
    select
        customer_key,
        month_end_date,
        has_churned,
        {{ lifecycle_state_number() }} as state_number
    from judged
),

followed as (
    select
        *,
        lag(state_number) over (partition by customer_key order by month_end_date asc) as previous_state_number
    from numbered
)

select
    customer_key,
    month_end_date,
    state_number,
    previous_state_number,
    has_churned
from followed
