-- Grain: one pyramid tier, `none` for customers silent in the window, and `all`.
-- How many attitudes are known, what the known ones show, and what follows for all.
{% set quadrants = ['true', 'latent', 'spurious', 'none'] %}
with

customers as (
    select
        coalesce(tiers.pyramid_tier, 'none') as pyramid_tier,
        loyalty.loyalty_quadrant,
        loyalty.attitude_basis = 'survey' as is_known
    from {{ ref('customer_loyalty') }} as loyalty
    left join {{ ref('customer_pyramid') }} as tiers
        on
            loyalty.customer_id = tiers.customer_id
            and tiers.period_type = 'trailing_12m'
),

grouped as (
    select * from customers
    union all
    select
        'all' as pyramid_tier,
        loyalty_quadrant,
        is_known
    from customers
),

counted as (
    select
        pyramid_tier,
        {%- for quadrant in quadrants %}
        count(*) filter (where is_known and loyalty_quadrant = '{{ quadrant }}') as {{ quadrant }}_count,
        {%- endfor %}
        count(*) as customer_count,
        count(*) filter (where is_known) as known_count
    from grouped
    group by pyramid_tier
),

estimates as (
    select
        pyramid_tier,
        {%- for quadrant in quadrants %}{% for column in ['estimated_share', 'estimated_share_low', 'estimated_share_high', 'shifted_share'] %}
        max(case when loyalty_quadrant = '{{ quadrant }}' then {{ column }} end) as {{ quadrant }}_{{ column }},
        {%- endfor %}{% endfor %}
        max(repeat_answer_z) as repeat_answer_z,
        max(consent_z) as consent_z,
        max(evidence_z) as evidence_z
    from {{ source('fits', 'loyalty_estimates') }}
    group by pyramid_tier
),

judged as (
    select
        counted.*,
        estimates.repeat_answer_z,
        estimates.consent_z,
        estimates.evidence_z,
        {%- for quadrant in quadrants %}{% for column in ['estimated_share', 'estimated_share_low', 'estimated_share_high', 'shifted_share'] %}
        estimates.{{ quadrant }}_{{ column }},
        {%- endfor %}{% endfor %}
        abs(
            estimates.true_shifted_share + estimates.latent_shifted_share
            - estimates.true_estimated_share - estimates.latent_estimated_share
        ) as liking_shift,
        case
            when estimates.pyramid_tier is null or counted.known_count < {{ var('loyalty_minimum_known') }} then 'too_few_answers'
            when estimates.evidence_z >= {{ var('loyalty_evidence_z') }} then 'not_trustworthy'
            -- The shift of any quadrant exceeds half of its interval.
            when
                greatest(
                    {%- for quadrant in quadrants %}
                    abs(estimates.{{ quadrant }}_shifted_share - estimates.{{ quadrant }}_estimated_share)
                    - (estimates.{{ quadrant }}_estimated_share_high - estimates.{{ quadrant }}_estimated_share_low) / 2,
                    {%- endfor %}
                    0
                ) > 0
                then 'depends_on_who_answers'
            else 'sound'
        end as estimate_verdict
    from counted
    left join estimates
        on counted.pyramid_tier = estimates.pyramid_tier
)

select
    judged.pyramid_tier,
    {{ as_of_date() }} as as_of_date,
    judged.customer_count,
    judged.known_count,
    cast(judged.known_count as double) / judged.customer_count as known_share,
    {%- for quadrant in quadrants %}
    cast(judged.{{ quadrant }}_count as double) / nullif(judged.known_count, 0) as known_{{ quadrant }}_share,
    judged.{{ quadrant }}_estimated_share as estimated_{{ quadrant }}_share,
    judged.{{ quadrant }}_estimated_share_low as estimated_{{ quadrant }}_share_low,
    judged.{{ quadrant }}_estimated_share_high as estimated_{{ quadrant }}_share_high,
    judged.{{ quadrant }}_shifted_share as shifted_{{ quadrant }}_share,
    {%- endfor %}
    judged.liking_shift as liking_share_shift,
    judged.repeat_answer_z,
    judged.consent_z,
    judged.evidence_z,
    judged.estimate_verdict,
    {{ told_of('estimate_verdict') }}
from judged
{{ join_playbook('estimate_verdict', 'judged') }}
