-- Grain: one customer with an order.
-- Repeat purchase by attitude: four quadrants, and `unknown` where nobody asked.
with

purchases as (
    select
        persons.customer_id,
        purchases.window_order_count,
        greatest(purchases.window_order_day_count - 1, 0) as repeat_count
    from {{ ref('int_customer_purchases') }} as purchases
    inner join {{ ref('int_persons') }} as persons
        on purchases.customer_key = persons.customer_key
    where purchases.order_count > 0
),

responses as (
    select
        *,
        cast(100 * (score - scale_min) / (scale_max - scale_min) as decimal(18, 8)) as rescaled_score
    from {{ ref('fct_survey_responses') }}
    where
        customer_id is not null
        and metric in ('{{ var("loyalty_attitude_metrics") | join("', '") }}')
        and response_date > {{ add_months(as_of_date(), -var('attitude_months')) }}
),

last_answers as (
    select *
    from responses
    qualify row_number() over (
        partition by customer_id, metric
        order by responded_at desc, source_system asc, response_id asc
    ) = 1
),

answer_days as (
    select
        customer_id,
        count(distinct response_date) as answer_day_count
    from responses
    group by customer_id
),

surveyed as (
    select
        last_answers.customer_id,
        answer_days.answer_day_count,
        sum(last_answers.rescaled_score) as score_sum,
        count(*) as score_count
    from last_answers
    inner join answer_days
        on last_answers.customer_id = answer_days.customer_id
    group by last_answers.customer_id, answer_days.answer_day_count
),
{% if var('loyalty_attitude_proxy') %}
customers as (
    select * from {{ ref('dim_customers') }}
),

referrers as (
    select distinct referrer_customer_id as customer_id
    from customers
    where referrer_customer_id is not null
),

complainers as (
    select distinct customer_id
    from {{ ref('fct_service_cases') }}
    where
        kind in ('{{ var("complaint_kinds") | join("', '") }}')
        and opened_date > {{ add_months(as_of_date(), -var('attitude_months')) }}
),

known as (
    select
        (select count(*) > 0 from referrers) as has_referrals,
        (select count(*) > 0 from {{ ref('fct_service_cases') }}) as has_cases
),

-- What customers do in place of what they say: each sign from 0 to 100, NULL where nothing tells.
signs as (
    select
        customers.customer_id,
        case when known.has_referrals then case when referrers.customer_id is not null then 100 else 0 end end as referral_sign,
        cast(100 * (1 - orders.discount_amount / nullif(orders.gross_sales_amount, 0)) as decimal(18, 8)) as full_price_sign,
        100 * cast({{ consents('customers') }} as integer) as consent_sign,
        case when known.has_cases then case when complainers.customer_id is not null then 0 else 100 end end as no_complaint_sign
    from customers
    cross join known
    inner join {{ ref('int_persons') }} as persons
        on customers.customer_id = persons.customer_id
    left join {{ ref('int_customer_orders') }} as orders
        on persons.customer_key = orders.customer_key
    left join referrers
        on customers.customer_id = referrers.customer_id
    left join complainers
        on customers.customer_id = complainers.customer_id
),

proxied as (
    select
        customer_id,
        cast(
            coalesce(referral_sign, 0) + coalesce(full_price_sign, 0) + coalesce(consent_sign, 0) + coalesce(no_complaint_sign, 0)
            as decimal(18, 8)
        ) as score_sum,
        case when referral_sign is not null then 1 else 0 end + case when full_price_sign is not null then 1 else 0 end
        + case when consent_sign is not null then 1 else 0 end + case when no_complaint_sign is not null then 1 else 0 end
            as score_count
    from signs
),
{% else %}
proxied as (
    select
        cast(null as varchar) as customer_id,
        cast(null as decimal(18, 8)) as score_sum,
        0 as score_count
    where false
),
{% endif %}
ranked as (
    select
        customer_id,
        100 * percent_rank() over (order by repeat_count asc) as repeat_score,
        -- Where most, or all, came once, the cut-off is 0: nobody repeats by that, nor would who did not come at all.
        repeat_count > 0 and {{ meets_cutoff('repeat_count', var('loyalty_repeat_cutoff')) }} as is_repeating
    from purchases
    where window_order_count > 0
),

measured as (
    select
        purchases.customer_id,
        purchases.repeat_count,
        -- Whoever did not come in the window repeated least.
        coalesce(ranked.repeat_score, 0) as repeat_score,
        coalesce(ranked.is_repeating, false) as is_repeating,
        case
            when surveyed.customer_id is not null then 'survey'
            when proxied.score_count > 0 then 'proxy'
            else 'none'
        end as attitude_basis,
        coalesce(surveyed.answer_day_count, 0) as answer_day_count,
        coalesce(surveyed.score_sum, proxied.score_sum) as score_sum,
        coalesce(surveyed.score_count, nullif(proxied.score_count, 0)) as score_count
    from purchases
    left join ranked
        on purchases.customer_id = ranked.customer_id
    left join surveyed
        on purchases.customer_id = surveyed.customer_id
    left join proxied
        on purchases.customer_id = proxied.customer_id
),

-- A mean to six digits: equal answers on different scales have equal means.
scored as (
    select
        *,
        cast(round(cast(score_sum as double) / score_count, 6) as decimal(18, 6)) as attitude_score
    from measured
),

fond as (
    select
        customer_id,
        {{ meets_cutoff('attitude_score', var('loyalty_attitude_cutoff')) }} as is_fond
    from scored
    where attitude_score is not null
),

judged as (
    select
        scored.*,
        fond.is_fond
    from scored
    left join fond
        on scored.customer_id = fond.customer_id
),

coded as (
    select
        *,
        case
            when is_fond is null then 'unknown'
            when is_repeating and is_fond then 'true'
            when is_fond then 'latent'
            when is_repeating then 'spurious'
            else 'none'
        end as loyalty_quadrant
    from judged
)

select
    coded.customer_id,
    {{ as_of_date() }} as as_of_date,
    coded.repeat_count,
    coded.repeat_score,
    coded.is_repeating,
    cast(coded.attitude_score as double) as attitude_score,
    coded.attitude_basis,
    coded.answer_day_count,
    coded.loyalty_quadrant,
    {{ told_of('loyalty_quadrant') }}
from coded
{{ join_playbook('loyalty_quadrant', 'coded') }}
