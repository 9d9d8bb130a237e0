-- Grain: one customer at the end of one complete month from their first order on, as known then.
-- A view: at many millions of customers it is only ever read in aggregate.
{{ config(materialized='view') }}

with

order_days as (
    select * from {{ ref('int_customer_order_days') }}
),

usual as (
    select * from {{ ref('int_usual_gap') }}
),

month_ends as (
    select month_end_date
    from {{ ref('int_months') }}
    where is_complete
),

placed as (
    select
        order_days.*,
        month_ends.month_end_date,
        usual.usual_gap_days,
        cast({{ dbt.datediff('order_days.order_date', 'month_ends.month_end_date', 'day') }} as integer) as silent_days,
        case
            when {{ add_days('month_ends.month_end_date', var('churn_horizon_days')) }} <= {{ as_of_date() }}
                then
                    order_days.next_order_date is null
                    or order_days.next_order_date > {{ add_days('month_ends.month_end_date', var('churn_horizon_days')) }}
        end as has_churned
    from order_days
    inner join month_ends
        on
            order_days.order_date <= month_ends.month_end_date
            and month_ends.month_end_date < coalesce(order_days.next_order_date, {{ add_days(as_of_date(), 1) }})
    cross join usual
)

select
    customer_key,
    month_end_date,
    order_day_number,
    has_churned,
    {{ overdue_band('silent_days', 'gap_count', 'median_gap_days', 'usual_gap_days') }} as overdue_band,
    {{ gap_band('gap_count', 'median_gap_days', 'usual_gap_days') }} as gap_band,
    {{ is_overdue('silent_days', var('lapsed_overdue_ratio'), 'gap_count', 'median_gap_days', 'usual_gap_days') }} as is_lapse_long,
    {{ is_overdue('silent_days', var('at_risk_overdue_ratio'), 'gap_count', 'median_gap_days', 'usual_gap_days') }} as is_risk_long,
    coalesce(
        {{ is_overdue('gap_days', var('lapsed_overdue_ratio'), '(gap_count - 1)', 'earlier_median_gap_days', 'usual_gap_days') }}, false
    ) as is_won_back
from placed
