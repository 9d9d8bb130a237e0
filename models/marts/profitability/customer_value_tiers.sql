-- Grain: one customer with an order: margin of the trailing window by predicted lifetime value.
with

clv as (
    select * from {{ ref('customer_clv') }}
),

valued as (
    select
        clv.customer_id,
        clv.predicted_clv_amount as potential_value_amount,
        case
            when purchases.window_margin_amount is not null then purchases.window_margin_amount
            -- Who did nothing in the window earned nothing in it.
            when purchases.window_day_count = 0 then 0
        end as current_value_amount
    from clv
    inner join {{ ref('int_persons') }} as persons
        on clv.customer_id = persons.customer_id
    inner join {{ ref('int_customer_purchases') }} as purchases
        on persons.customer_key = purchases.customer_key
),

judged as (
    select
        customer_id,
        {{ meets_cutoff('current_value_amount', var('value_tier_current_cutoff')) }} as is_current_high,
        {{ meets_cutoff('potential_value_amount', var('value_tier_potential_cutoff')) }} as is_potential_high
    from valued
    where
        current_value_amount is not null
        and potential_value_amount is not null
),

coded as (
    select
        valued.customer_id,
        valued.current_value_amount,
        valued.potential_value_amount,
        {{ value_tier('judged.is_current_high', 'judged.is_potential_high') }} as value_tier
    from valued
    left join judged
        on valued.customer_id = judged.customer_id
)

select
    coded.customer_id,
    {{ as_of_date() }} as as_of_date,
    cast(coded.current_value_amount as decimal(18, 4)) as current_value_amount,
    coded.potential_value_amount,
    coded.value_tier,
    {{ told_of('value_tier') }}
from coded
{{ join_playbook('value_tier', 'coded') }}
