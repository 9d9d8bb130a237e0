-- Grain: one customer who has ever ordered.
-- Ties take their lowest rank (recency: their middle rank), so that equal customers score alike.
with

purchases as (
    select *
    from {{ ref('int_customer_purchases') }}
    where order_count > 0
),

persons as (
    select * from {{ ref('int_persons') }}
),

rfm_segments as (
    select * from {{ ref('rfm_segments') }}
),

rfm_octants as (
    select * from {{ ref('rfm_octants') }}
),

measured as (
    select
        customer_key,
        cast({{ dbt.datediff('last_order_date', as_of_date(), 'day') }} as integer) as recency_days,
        window_order_count as frequency_count,
        cast(case when window_order_count > 0 then window_net_sales_amount else 0 end as decimal(18, 4)) as monetary_amount,
        window_order_count > 0 as is_in_window
    from purchases
),

ranked as (
    select
        customer_key,
        {{ tie_safe_score('recency_days desc', rfm_score_count(), ties='middle') }} as r_score,
        {{ tie_safe_score('frequency_count asc', rfm_score_count()) }} as f_score,
        {{ tie_safe_score('monetary_amount asc', rfm_score_count()) }} as m_score,
        -- Recency is good when it is at most its mean: the opposite of reaching the cut-off of days since.
        {{ meets_cutoff('-recency_days', negated_cutoff(var('rfm_octant_cutoff'))) }} as is_recent,
        {{ meets_cutoff('frequency_count', var('rfm_octant_cutoff')) }} as is_frequent,
        {{ meets_cutoff('monetary_amount', var('rfm_octant_cutoff')) }} as is_important
    from measured
    where is_in_window
),

-- The other method: fixed cut-offs, a score for each one reached.
by_threshold as ( -- noqa: ST03
    select
        measured.customer_key,
        cast(1 + count(*) filter (
            where rfm_thresholds.measure = 'recency_days' and measured.recency_days <= rfm_thresholds.cutoff
        ) as integer) as r_score,
        cast(1 + count(*) filter (
            where rfm_thresholds.measure = 'frequency_count' and measured.frequency_count >= rfm_thresholds.cutoff
        ) as integer) as f_score,
        cast(1 + count(*) filter (
            where rfm_thresholds.measure = 'monetary_amount' and measured.monetary_amount >= rfm_thresholds.cutoff
        ) as integer) as m_score
    from measured
    cross join {{ ref('rfm_thresholds') }} as rfm_thresholds
    where measured.is_in_window
    group by measured.customer_key
),

scored as (
    select
        measured.*,
        scores.r_score,
        scores.f_score,
        scores.m_score,
        ranked.is_recent,
        ranked.is_frequent,
        ranked.is_important
    from measured
    left join ranked
        on measured.customer_key = ranked.customer_key
    left join {{ 'by_threshold' if var('rfm_method') == 'thresholds' else 'ranked' }} as scores
        on measured.customer_key = scores.customer_key
),

coded as (
    select
        scored.*,
        coalesce(rfm_segments.rfm_segment, 'inactive') as rfm_segment,
        coalesce(rfm_octants.rfm_octant, 'inactive') as rfm_octant
    from scored
    left join rfm_segments
        on
            scored.r_score = rfm_segments.r_score
            and scored.f_score = rfm_segments.f_score
    left join rfm_octants
        on
            scored.is_recent = rfm_octants.is_recent
            and scored.is_frequent = rfm_octants.is_frequent
            and scored.is_important = rfm_octants.is_important
)

select
    persons.customer_id,
    {{ as_of_date() }} as as_of_date,
    coded.recency_days,
    coded.frequency_count,
    coded.monetary_amount,
    coded.r_score,
    coded.f_score,
    coded.m_score,
    cast(coded.r_score as varchar) || cast(coded.f_score as varchar) || cast(coded.m_score as varchar) as rfm_score,
    coded.rfm_segment,
    {{ told_of('rfm_segment') }},
    coded.rfm_octant,
    {{ told_of('rfm_octant') }}
from coded
inner join persons
    on coded.customer_key = persons.customer_key
{{ join_playbook('rfm_segment', 'coded') }}
{{ join_playbook('rfm_octant', 'coded') }}
