-- Grain: one row: the day up to which a lifetime model is calibrated to be tested, and how many days it then predicts.
-- A year, or half of the history where that is shorter. Rivals learn from as long before it, or half of what is there.
with

measured as (
    select
        today.as_of_date,
        cast({{ dbt.datediff('span.first_data_date', 'today.as_of_date', 'day') }} as integer) as history_days
    from {{ ref('int_data_span') }} as span
    cross join {{ ref('int_as_of_date') }} as today
),

lengths as (
    select
        *,
        least({{ var('clv_holdout_days') }}, cast(floor(history_days / 2) as integer)) as holdout_days
    from measured
),

learning as (
    select
        *,
        least(holdout_days, cast(floor((history_days - holdout_days) / 2) as integer)) as learning_days
    from lengths
)

select
    as_of_date,
    holdout_days,
    {{ add_days('as_of_date', '-holdout_days') }} as calibration_date,
    {{ add_days('as_of_date', '-2 * holdout_days') }} as last_period_date,
    learning_days,
    {{ add_days('as_of_date', '-(holdout_days + learning_days)') }} as learning_date
from learning
