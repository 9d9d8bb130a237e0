-- Grain: customers alike in all that is known of everybody, and in what is known of their attitude, counted.
with

customers as (
    select
        loyalty.*,
        coalesce(tiers.pyramid_tier, 'none') as pyramid_tier,
        cast({{ dbt.datediff('purchases.last_order_date', as_of_date(), 'day') }} as integer) as recency_days,
        coalesce(orders.main_channel, first_orders.first_channel, 'unknown') as channel,
        loyalty.attitude_basis = 'survey' as is_known,
        coalesce(cast({{ consents('dim_customers') }} as integer), -1) as has_consent
    from {{ ref('customer_loyalty') }} as loyalty
    inner join {{ ref('dim_customers') }} as dim_customers
        on loyalty.customer_id = dim_customers.customer_id
    inner join {{ ref('int_persons') }} as persons
        on loyalty.customer_id = persons.customer_id
    inner join {{ ref('int_customer_purchases') }} as purchases
        on persons.customer_key = purchases.customer_key
    left join {{ ref('customer_pyramid') }} as tiers
        on
            loyalty.customer_id = tiers.customer_id
            and tiers.period_type = 'trailing_12m'
    left join {{ ref('int_customer_orders') }} as orders
        on persons.customer_key = orders.customer_key
    left join {{ ref('int_first_orders') }} as first_orders
        on persons.customer_key = first_orders.customer_key
),

banded as (
    select
        *,
        {{ band('repeat_count', var('loyalty_repeat_edges')) }} as repeat_band,
        {{ band('recency_days', var('loyalty_recency_edges')) }} as recency_band
    from customers
)

select
    pyramid_tier,
    channel,
    repeat_band,
    recency_band,
    is_repeating,
    has_consent,
    is_known,
    coalesce(is_known and answer_day_count > 1, false) as answers_often,
    count(*) as customer_count,
    count(*) filter (where is_known and loyalty_quadrant in ('true', 'latent')) as fond_count
from banded
group by pyramid_tier, channel, repeat_band, recency_band, is_repeating, has_consent, is_known, answers_often
