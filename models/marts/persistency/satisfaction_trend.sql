-- Grain: one month, survey, metric and touchpoint with answers (touchpoint NULL: not told).
-- NPS counts answers on 0 to 10, CSAT the two best of five; its interval is the adjusted Wald (Bonett and Price 2012).
with

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

counted as (
    select
        cast(date_trunc('month', response_date) as date) as response_month,
        survey,
        metric,
        touchpoint,
        count(*) as response_count,
        count(distinct customer_id) as customer_count,
        cast(sum(score) as double) / count(*) as mean_score,
        case when min(scale_min) = max(scale_min) and min(scale_max) = max(scale_max) then min(scale_min) end as scale_min,
        case when min(scale_min) = max(scale_min) and min(scale_max) = max(scale_max) then min(scale_max) end as scale_max,
        count(*) filter (where metric = 'nps' and scale_min = 0 and scale_max = 10) as nps_count,
        count(*) filter (where metric = 'nps' and scale_min = 0 and scale_max = 10 and score >= {{ var('nps_promoter_score') }})
            as promoter_count,
        count(*) filter (where metric = 'nps' and scale_min = 0 and scale_max = 10 and score <= {{ var('nps_detractor_score') }})
            as detractor_count,
        count(*) filter (where metric = 'csat' and scale_max - scale_min = 4) as csat_count,
        count(*) filter (where metric = 'csat' and scale_max - scale_min = 4 and scale_max - score <= 1) as satisfied_count
    from responses
    group by cast(date_trunc('month', response_date) as date), survey, metric, touchpoint
),

adjusted as (
    select
        *,
        (promoter_count + 0.75) / (nps_count + 3.0) as promoter_share,
        (detractor_count + 0.75) / (nps_count + 3.0) as detractor_share
    from counted
),

spread as (
    select
        *,
        {{ var('interval_z') }} * sqrt(
            (promoter_share + detractor_share - (promoter_share - detractor_share) * (promoter_share - detractor_share))
            / (nps_count + 3.0)
        ) as margin_of_error
    from adjusted
)

select
    {{ as_of_date() }} as as_of_date,
    response_month,
    survey,
    metric,
    touchpoint,
    response_count,
    customer_count,
    -- Answers on different scales have no common mean.
    case when scale_min is not null then mean_score end as mean_score,
    scale_min,
    scale_max,
    case when nps_count > 0 then 100.0 * (promoter_count - detractor_count) / nps_count end as nps,
    case when nps_count > 0 then greatest(-100.0, 100 * (promoter_share - detractor_share - margin_of_error)) end as nps_low,
    case when nps_count > 0 then least(100.0, 100 * (promoter_share - detractor_share + margin_of_error)) end as nps_high,
    case when csat_count > 0 then cast(satisfied_count as double) / csat_count end as csat_rate
from spread
