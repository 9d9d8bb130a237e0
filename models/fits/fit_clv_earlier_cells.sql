-- Grain: customers of a band of repeats and of silence, a holdout period before the calibration date, and what they did next.
select
    {{ band('repeat_count', var('clv_rival_repeat_edges')) }} as repeat_band,
    {{ band('(age_days - recency_days)', var('clv_rival_silence_edges')) }} as silence_band,
    count(*) as customer_count,
    cast(sum(next_period_count) as bigint) as order_day_count
from {{ ref('int_clv_earlier') }}
group by repeat_band, silence_band
