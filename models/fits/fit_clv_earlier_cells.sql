-- Grain: customers of a segment, a band of repeats and of silence at the learning date, and what they did up to the calibration date.
select
    today.clv_segment,
    {{ band('earlier.repeat_count', var('clv_rival_repeat_edges')) }} as repeat_band,
    {{ band('(earlier.age_days - earlier.recency_days)', var('clv_rival_silence_edges')) }} as silence_band,
    count(*) as customer_count,
    cast(sum(earlier.next_period_count) as bigint) as order_day_count
from {{ ref('int_clv_earlier') }} as earlier
inner join {{ ref('fit_clv_customers') }} as today
    on earlier.customer_key = today.customer_key
group by today.clv_segment, repeat_band, silence_band
