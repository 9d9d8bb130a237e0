-- Grain: one customer with an order.
with

scores as (
    select * from {{ ref('customer_rfm') }}
),

-- Satisfaction from 1 to 5: what they said of it, else whether they would recommend.
answers as (
    select
        customer_id,
        metric,
        sum(cast(1 + 4 * (score - scale_min) / (scale_max - scale_min) as decimal(18, 8))) as score_sum,
        count(*) as answer_count
    from {{ ref('fct_survey_responses') }}
    where
        customer_id is not null
        and metric in ('csat', 'nps')
        and response_date > {{ add_months(as_of_date(), -var('attitude_months')) }}
    group by customer_id, metric
),

satisfied as (
    select
        customer_id,
        metric,
        cast(score_sum / answer_count as decimal(18, 8)) as satisfaction_score
    from answers
    qualify row_number() over (partition by customer_id order by metric asc) = 1
),

bands as (
    select
        value_band,
        lowest_score,
        lead(lowest_score) over (order by lowest_score asc) as score_above
    from {{ ref('value_bands') }}
),

measured as (
    select
        scores.customer_id,
        scores.f_score,
        scores.m_score,
        case when scores.f_score is not null then satisfied.satisfaction_score end as satisfaction_score,
        case
            when scores.f_score is null then 'inactive'
            when satisfied.customer_id is null then 'behaviour'
            else 'behaviour_and_' || satisfied.metric
        end as value_basis,
        cast(scores.f_score + scores.m_score + coalesce(satisfied.satisfaction_score, 0) as decimal(18, 8)) as score_sum,
        case when satisfied.customer_id is null then 2 else 3 end as score_count
    from scores
    left join satisfied
        on scores.customer_id = satisfied.customer_id
),

coded as (
    select
        measured.*,
        coalesce(bands.value_band, 'none') as value_band
    from measured
    left join bands
        on
            measured.score_sum >= bands.lowest_score * measured.score_count
            and (bands.score_above is null or measured.score_sum < bands.score_above * measured.score_count)
)

select
    coded.customer_id,
    {{ as_of_date() }} as as_of_date,
    coded.f_score,
    coded.m_score,
    cast(coded.satisfaction_score as double) as satisfaction_score,
    cast(coded.score_sum as double) / coded.score_count as value_score,
    coded.value_basis,
    coded.value_band,
    {{ told_of('value_band') }}
from coded
{{ join_playbook('value_band', 'coded') }}
