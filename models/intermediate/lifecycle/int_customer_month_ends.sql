-- Grain: one customer at the end of one complete month from their first order on, as known then, and at the month-end before.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_lifecycle_customers': ['customer_key'], 'int_changed_lifecycle_months': ['month_end_date']}}
) }}
{%- set changed_customers = ref('int_changed_lifecycle_customers') %}
{%- set changed_months = ref('int_changed_lifecycle_months') %}
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
{%- if is_built() %}

changed_months as (
    select month_end_date from {{ changed_months }}
),

-- With the month before each, where its own state stands.
looked_at_months as (
    select
        month_ends.*,
        changed_months.month_end_date is not null as is_changed
    from month_ends
    left join changed_months
        on month_ends.month_end_date = changed_months.month_end_date
    where
        changed_months.month_end_date is not null
        or {{ add_days(add_months(add_days('month_ends.month_end_date', 1), 1), -1) }} in (select changed_months.month_end_date from changed_months)
),
{%- endif %}

-- Of customers whose every month-end is told again.
order_days_told as (
    select order_days.*
    from order_days
    {{ only_changed_customers('order_days', 'int_changed_lifecycle_customers') }}
),

placed as (
    select
        order_days.*,
        month_ends.month_end_date,
        month_ends.is_outcome_known,
        true as is_changed
    from order_days_told as order_days
    inner join month_ends
        on
            {{ stands_at('order_days', 'month_ends.month_end_date') }}
    {%- if is_built() %}

    union all

    select
        order_days.*,
        months.month_end_date,
        months.is_outcome_known,
        months.is_changed
    from order_days
    inner join looked_at_months as months
        on
            {{ stands_at('order_days', 'months.month_end_date') }}
    where order_days.customer_key not in (select changed_customers.customer_key from {{ changed_customers }} as changed_customers)
    {%- endif %}
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
        is_changed,
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
        is_changed,
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
where is_changed
