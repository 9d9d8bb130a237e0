-- Grain: one driver: a trait of customers, measured before the fact, among those who then stayed away and those who came.
{% set drivers = {
    'complaint': 'rate', 'first_response_seconds': 'mean', 'satisfaction_score': 'mean', 'discount_share': 'mean', 'tenure_days': 'mean',
} %}
with

bounds as (
    select
        as_of_date,
        {{ add_months('as_of_date', -var('driver_outcome_months')) }} as cut_date,
        {{ add_months(add_months('as_of_date', -var('driver_outcome_months')), -var('window_months')) }} as before_date
    from {{ ref('int_as_of_date') }}
),

-- Who ordered in the year before the cut, and whether they came after it.
population as (
    select
        days.customer_key,
        persons.customer_id,
        min(days.activity_date) as first_order_date,
        count(*) filter (where days.activity_date > bounds.cut_date) = 0 as has_churned
    from {{ ref('int_customer_days') }} as days
    inner join {{ ref('int_persons') }} as persons
        on days.customer_key = persons.customer_key
    cross join bounds
    where days.order_count > 0
    group by days.customer_key, persons.customer_id
    having count(*) filter (where days.activity_date > bounds.before_date and days.activity_date <= bounds.cut_date) > 0
),

orders as (
    select orders.*
    from {{ ref('int_orders') }} as orders
    cross join bounds
    where
        not orders.is_return_only
        and orders.customer_key is not null
        and orders.order_date > bounds.before_date
        and orders.order_date <= bounds.cut_date
),

discounts as (
    select
        customer_key,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(coalesce(discount_amount, 0) + coalesce(coupon_discount_amount, 0)) as discount_amount,
        count(discount_amount) + count(coupon_discount_amount) as told_count
    from orders
    group by customer_key
),

channels as (
    select
        customer_key,
        channel
    from orders
    where channel is not null
    group by customer_key, channel
    qualify row_number() over (
        partition by customer_key
        order by count(*) desc, sum(net_sales_amount) desc, channel asc
    ) = 1
),

cases as (
    select
        cases.*,
        -- An answer after the cut was not known at it.
        cast({{ add_seconds('cases.opened_at', 'cases.first_response_seconds') }} as date) <= bounds.cut_date as is_answered
    from {{ ref('fct_service_cases') }} as cases
    cross join bounds
    where
        cases.opened_date > bounds.before_date
        and cases.opened_date <= bounds.cut_date
),

case_traits as (
    select
        customer_id,
        max(case when kind in ('{{ var("complaint_kinds") | join("', '") }}') then 1 else 0 end) as has_complaint,
        sum(case when is_answered then first_response_seconds end) as first_response_seconds,
        count(case when is_answered then first_response_seconds end) as answered_count
    from cases
    where customer_id is not null
    group by customer_id
),

answers as (
    select
        responses.customer_id,
        sum(cast(100 * (responses.score - responses.scale_min) / (responses.scale_max - responses.scale_min) as decimal(18, 6)))
            as score_sum,
        count(*) as score_count
    from {{ ref('fct_survey_responses') }} as responses
    cross join bounds
    where
        responses.customer_id is not null
        and responses.metric = 'csat'
        and responses.response_date > bounds.before_date
        and responses.response_date <= bounds.cut_date
    group by responses.customer_id
),

known as (
    select count(*) > 0 as has_cases
    from cases
    where customer_id is not null
),

-- Decimals, so that sums are the same in whatever order they are taken; NULL where nothing is known of a customer.
traits as (
    select
        population.has_churned,
        channels.channel,
        case when known.has_cases then cast(coalesce(case_traits.has_complaint, 0) as decimal(18, 6)) end as complaint,
        cast(case_traits.first_response_seconds * 1.0 / nullif(case_traits.answered_count, 0) as decimal(18, 6)) as first_response_seconds,
        cast(answers.score_sum / answers.score_count as decimal(18, 6)) as satisfaction_score,
        case
            when discounts.told_count > 0
                then cast(discounts.discount_amount / nullif(discounts.gross_sales_amount, 0) as decimal(18, 6))
        end as discount_share,
        cast({{ dbt.datediff('population.first_order_date', 'bounds.cut_date', 'day') }} as decimal(18, 6)) as tenure_days
    from population
    cross join bounds
    cross join known
    left join discounts
        on population.customer_key = discounts.customer_key
    left join channels
        on population.customer_key = channels.customer_key
    left join case_traits
        on population.customer_id = case_traits.customer_id
    left join answers
        on population.customer_id = answers.customer_id
),

told_channels as (
    select
        channel,
        count(*) filter (where has_churned) as churned_count,
        count(*) filter (where not has_churned) as kept_count
    from traits
    where channel is not null
    group by channel
),

totals as (
    select
        cast(sum(churned_count) as bigint) as churned_count,
        cast(sum(kept_count) as bigint) as kept_count
    from told_channels
),

measured as (
    {%- for driver, kind in drivers.items() %}
    select
        '{{ driver }}' as driver,
        '{{ kind }}' as measure_kind,
        count({{ driver }}) filter (where has_churned) as churned_count,
        count({{ driver }}) filter (where not has_churned) as kept_count,
        sum({{ driver }}) filter (where has_churned) as churned_sum,
        sum({{ driver }}) filter (where not has_churned) as kept_sum,
        sum(cast({{ driver }} as decimal(19, 6)) * {{ driver }}) filter (where has_churned) as churned_squares,
        sum(cast({{ driver }} as decimal(19, 6)) * {{ driver }}) filter (where not has_churned) as kept_squares
    from traits
    union all
    {%- endfor %}
    select
        'main_channel: ' || told_channels.channel as driver,
        'rate' as measure_kind,
        totals.churned_count,
        totals.kept_count,
        cast(told_channels.churned_count as decimal(38, 6)) as churned_sum,
        cast(told_channels.kept_count as decimal(38, 6)) as kept_sum,
        cast(told_channels.churned_count as decimal(38, 12)) as churned_squares,
        cast(told_channels.kept_count as decimal(38, 12)) as kept_squares
    from told_channels
    cross join totals
),

meant as (
    select
        *,
        cast(churned_sum as double) / churned_count as churned_value,
        cast(kept_sum as double) / kept_count as kept_value,
        cast(churned_sum + kept_sum as double) / (churned_count + kept_count) as pooled_value,
        (cast(churned_squares as double) - cast(churned_sum as double) * cast(churned_sum as double) / churned_count)
        / nullif(churned_count - 1, 0) as churned_variance,
        (cast(kept_squares as double) - cast(kept_sum as double) * cast(kept_sum as double) / kept_count)
        / nullif(kept_count - 1, 0) as kept_variance
    from measured
    where
        churned_count >= {{ var('driver_minimum_count') }}
        and kept_count >= {{ var('driver_minimum_count') }}
),

erring as (
    select
        *,
        churned_value - kept_value as difference,
        sqrt(greatest(churned_variance, 0) / churned_count + greatest(kept_variance, 0) / kept_count) as standard_error,
        case
            when measure_kind = 'rate' then sqrt(pooled_value * (1 - pooled_value) * (1.0 / churned_count + 1.0 / kept_count))
            else sqrt(greatest(churned_variance, 0) / churned_count + greatest(kept_variance, 0) / kept_count)
        end as test_standard_error
    from meant
),

tested as (
    select
        *,
        difference / nullif(test_standard_error, 0) as z,
        {{ normal_two_sided_p('(difference / nullif(test_standard_error, 0))') }} as p_value
    from erring
),

ranked as (
    select
        *,
        row_number() over (order by p_value asc nulls last, driver asc) as driver_rank,
        count(p_value) over () as test_count
    from tested
)

select
    {{ as_of_date() }} as as_of_date,
    driver,
    measure_kind,
    churned_count,
    kept_count,
    churned_value,
    kept_value,
    difference,
    case
        when measure_kind = 'rate'
            then {{ newcombe('cast(churned_sum as double)', 'churned_count', 'cast(kept_sum as double)', 'kept_count', -1) }}
        else difference - {{ var('interval_z') }} * standard_error
    end as difference_low,
    case
        when measure_kind = 'rate'
            then {{ newcombe('cast(churned_sum as double)', 'churned_count', 'cast(kept_sum as double)', 'kept_count', 1) }}
        else difference + {{ var('interval_z') }} * standard_error
    end as difference_high,
    z,
    p_value,
    -- Benjamini and Hochberg (1995): the smallest p × tests / rank from here on.
    case
        when p_value is not null
            then least(1.0, min(p_value * test_count / driver_rank) over (
                order by driver_rank asc
                rows between current row and unbounded following
            ))
    end as adjusted_p_value,
    cast(driver_rank as integer) as driver_rank
from ranked
