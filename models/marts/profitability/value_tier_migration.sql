-- Grain: one month-end, value tier a month before and value tier then. Potential by today's models, as known at each month-end.
with

histories as (
    select * from {{ ref('int_clv_month_histories') }}
),

clv as (
    select
        customer_clv.*,
        persons.customer_key
    from {{ ref('customer_clv') }} as customer_clv
    inner join {{ ref('int_persons') }} as persons
        on customer_clv.customer_id = persons.customer_id
),

parameters as (
    select * from {{ source('fits', 'clv_parameters') }}
),

month_ends as (
    select distinct month_end_date
    from histories
),

valued as (
    select
        histories.customer_key,
        histories.month_end_date,
        histories.window_margin_amount as current_value_amount,
        cast(
            {{ order_day_amount('histories', 'parameters', 'clv.average_order_day_amount') }} * clv.expected_margin_rate
            * coalesce({{ alive_probability('histories', 'parameters') }}, 1) * grid.discounted_order_days
            as decimal(18, 4)
        ) as potential_value_amount
    from histories
    inner join clv
        on histories.customer_key = clv.customer_key
    left join parameters
        on clv.clv_segment = parameters.clv_segment
    left join {{ source('fits', 'clv_grid') }} as grid
        on
            clv.clv_segment = grid.clv_segment
            and histories.repeat_count = grid.repeat_count
            and histories.age_days = grid.age_days
),

judged as (
    select
        customer_key,
        month_end_date,
        {{ meets_cutoff('current_value_amount', var('value_tier_current_cutoff'), 'month_end_date') }} as is_current_high,
        {{ meets_cutoff('potential_value_amount', var('value_tier_potential_cutoff'), 'month_end_date') }} as is_potential_high
    from valued
    where
        current_value_amount is not null
        and potential_value_amount is not null
),

tiers as (
    select
        valued.customer_key,
        valued.month_end_date,
        valued.potential_value_amount,
        {{ value_tier('judged.is_current_high', 'judged.is_potential_high') }} as value_tier
    from valued
    left join judged
        on
            valued.customer_key = judged.customer_key
            and valued.month_end_date = judged.month_end_date
),

calendar as (
    select
        month_end_date,
        lag(month_end_date) over (order by month_end_date asc) as previous_end_date
    from month_ends
),

-- Nobody goes away: who had ordered by a month-end has by the next.
moves as (
    select
        tiers.month_end_date,
        coalesce(before.value_tier, 'none') as tier_before,
        tiers.value_tier as tier_after,
        tiers.potential_value_amount
    from tiers
    inner join calendar
        on tiers.month_end_date = calendar.month_end_date
    left join tiers as before
        on
            tiers.customer_key = before.customer_key
            and calendar.previous_end_date = before.month_end_date
    where calendar.previous_end_date is not null
)

select
    {{ as_of_date() }} as as_of_date,
    month_end_date,
    tier_before,
    tier_after,
    count(*) as customer_count,
    cast({{ sum_if_all_known('potential_value_amount') }} as decimal(18, 4)) as potential_value_amount
from moves
group by month_end_date, tier_before, tier_after
