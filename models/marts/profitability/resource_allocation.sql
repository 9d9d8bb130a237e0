-- Grain: one value tier, RFM segment or way of being won: what may be spent per customer to acquire, keep and win back.
{% set dimensions = ['value_tier', 'rfm_segment', 'acquisition_channel'] %}
with

customers as (
    select
        tiers.customer_id,
        tiers.value_tier,
        coalesce(rfm.rfm_segment, 'unknown') as rfm_segment,
        coalesce(dim_customers.acquisition_channel, 'unknown') as acquisition_channel,
        tiers.current_value_amount,
        tiers.potential_value_amount,
        clv.value_of_one_like_it_amount,
        lifecycle.lifecycle_stage = 'lapsed' as is_lapsed,
        cast({{ not_below_zero('clv.value_if_kept_amount') }} * assumptions.save_probability as decimal(18, 4)) as keep_amount,
        cast({{ not_below_zero('clv.value_if_kept_amount') }} * assumptions.win_back_probability as decimal(18, 4)) as win_back_amount
    from {{ ref('customer_value_tiers') }} as tiers
    inner join {{ ref('customer_clv') }} as clv
        on tiers.customer_id = clv.customer_id
    inner join {{ ref('customer_lifecycle') }} as lifecycle
        on tiers.customer_id = lifecycle.customer_id
    inner join {{ ref('dim_customers') }} as dim_customers
        on tiers.customer_id = dim_customers.customer_id
    inner join {{ ref('retention_assumptions') }} as assumptions
        on tiers.value_tier = assumptions.value_tier
    left join {{ ref('customer_rfm') }} as rfm
        on tiers.customer_id = rfm.customer_id
),

grouped as (
    {%- for dimension in dimensions %}
    {{ 'union all' if not loop.first }}
    select
        '{{ dimension }}' as dimension,
        {{ dimension }} as value,
        count(*) as customer_count,
        count(*) filter (where is_lapsed) as lapsed_customer_count,
        count(current_value_amount) as current_known_count,
        count(potential_value_amount) as potential_known_count,
        sum(current_value_amount) as current_value_amount,
        sum(potential_value_amount) as potential_value_amount,
        cast(sum(value_of_one_like_it_amount) as double) / nullif(count(value_of_one_like_it_amount), 0) as new_customer_value_amount,
        cast(sum(keep_amount) filter (where not is_lapsed) as double)
        / nullif(count(keep_amount) filter (where not is_lapsed), 0) as keep_ceiling_amount,
        cast(sum(win_back_amount) filter (where is_lapsed) as double)
        / nullif(count(win_back_amount) filter (where is_lapsed), 0) as win_back_ceiling_amount
    from customers
    group by {{ dimension }}
    {%- endfor %}
),

-- A group stands where its mean customer would, among customers whose value is known: against the mean of all of them,
-- compared cross-multiplied.
compared as (
    select
        grouped.*,
        cast(grouped.current_value_amount as decimal(38, 4)) * sum(grouped.current_known_count) over (partition by grouped.dimension)
        >= sum(grouped.current_value_amount) over (partition by grouped.dimension) * grouped.current_known_count as is_current_high,
        cast(grouped.potential_value_amount as decimal(38, 4)) * sum(grouped.potential_known_count) over (partition by grouped.dimension)
        >= sum(grouped.potential_value_amount) over (partition by grouped.dimension) * grouped.potential_known_count as is_potential_high
    from grouped
),

placed as (
    select
        *,
        case
            when dimension = 'value_tier' then value
            else {{ value_tier('is_current_high', 'is_potential_high') }}
        end as group_tier
    from compared
),

advised as (
    select
        *,
        case group_tier
            when 'platinum' then 'keep'
            when 'gold' then 'keep'
            when 'iron' then 'win'
            when 'lead' then 'let_go'
            else 'unknown'
        end as strategy
    from placed
)

select
    advised.dimension,
    advised.value,
    {{ as_of_date() }} as as_of_date,
    advised.customer_count,
    advised.lapsed_customer_count,
    advised.current_known_count as current_value_customer_count,
    cast(advised.current_value_amount as decimal(18, 4)) as current_value_amount,
    advised.potential_known_count as potential_value_customer_count,
    cast(advised.potential_value_amount as decimal(18, 4)) as potential_value_amount,
    cast(advised.new_customer_value_amount as decimal(18, 4)) as new_customer_value_amount,
    cast({{ not_below_zero('advised.new_customer_value_amount') }} * {{ var('acquisition_value_share') }} as decimal(18, 4)) as acquire_ceiling_amount,
    cast(advised.keep_ceiling_amount as decimal(18, 4)) as keep_ceiling_amount,
    cast(advised.win_back_ceiling_amount as decimal(18, 4)) as win_back_ceiling_amount,
    'seed_retention_assumptions' as ceiling_basis,
    advised.strategy,
    {{ told_of('strategy') }}
from advised
{{ join_playbook('strategy', 'advised') }}
