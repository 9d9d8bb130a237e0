-- Grain: one value of one dimension; each dimension partitions all customers, prospects included.
{#- Dimensions by kind: name of the dimension and the column it comes from. -#}
{%- set dimensions = {
    'demographic': ['age_band', 'gender', 'marital_status', 'income_band', 'occupation', 'job_title', 'industry', 'education', 'religion',
                    'household_size', 'has_children', 'home_ownership', 'dwelling_type'],
    'geographic': ['country', 'region', 'city', 'climate', 'region_income', 'region_population'],
    'psychographic': ['lifestyle', 'personality', 'interests', 'risk_attitude', 'purchase_motive', 'stated_needs'],
    'social': ['has_relations', 'email_consent', 'sms_consent', 'phone_consent'],
    'behavioural': ['acquisition_channel', 'acquisition_campaign_id', 'is_member', 'rfm_segment', 'rfm_octant', 'lifecycle_stage',
                    'value_band', 'main_channel', 'need_cluster', 'top_payment_method', 'top_weekday', 'top_hour',
                    'home_store_id', 'top_department', 'top_category', 'top_brand'],
    'band': ['response_band', 'pyramid_tier', 'value_quadrant', 'value_tier', 'loyalty_quadrant', 'referral_band'],
} %}
{%- set names = dimensions.values() | sum(start=[]) %}
{#- Codes of what customers do: who has not ordered has none, which is known and not unknown. -#}
{%- set of_orders = ['rfm_segment', 'rfm_octant', 'value_band', 'main_channel', 'need_cluster', 'top_payment_method', 'top_weekday', 'top_hour',
                     'home_store_id', 'top_department', 'top_category', 'top_brand', 'pyramid_tier', 'value_quadrant', 'value_tier',
                     'loyalty_quadrant'] %}
with

customers as (
    select
        dim_customers.*,
        persons.customer_key
    from {{ ref('dim_customers') }} as dim_customers
    inner join {{ ref('int_persons') }} as persons
        on dim_customers.customer_id = persons.customer_id
),

regions as (
    select * from {{ ref('dim_regions') }}
),

overviews as (
    select * from {{ ref('customer_360') }}
),

relations as (
    select distinct customer_id
    from {{ ref('bridge_customer_relations') }}
),

known_relations as (
    select count(*) > 0 as is_known
    from relations
),

described as (
    select
        customers.*,
        coalesce(cities.climate, regions.climate) as climate,
        case
            when coalesce(cities.income_index, regions.income_index) >= {{ var('region_income_high') }} then 'high'
            when coalesce(cities.income_index, regions.income_index) >= {{ var('region_income_low') }} then 'middle'
            when coalesce(cities.income_index, regions.income_index) is not null then 'low'
        end as region_income,
        {%- set population = 'coalesce(cities.population, regions.population)' %}
        case
            when {{ population }} >= {{ var('region_population_high') }} then 'large'
            when {{ population }} >= {{ var('region_population_low') }} then 'middle'
            when {{ population }} is not null then 'small'
        end as region_population,
        case when known_relations.is_known then relations.customer_id is not null end as has_relations,
        habits.top_payment_method,
        habits.top_weekday,
        habits.top_hour,
        habits.top_department,
        habits.top_category,
        habits.top_brand,
        overviews.rfm_segment,
        overviews.rfm_octant,
        overviews.lifecycle_stage,
        overviews.value_band,
        overviews.main_channel,
        overviews.need_cluster,
        overviews.home_store_id,
        overviews.pyramid_tier,
        overviews.value_quadrant,
        overviews.value_tier,
        overviews.loyalty_quadrant,
        case
            when overviews.campaign_response_rate >= {{ var('response_rate_high') }} then 'high'
            when overviews.campaign_response_rate > 0 then 'some'
            when overviews.campaign_response_rate = 0 then 'none'
        end as response_band,
        case
            when overviews.referred_customer_count >= {{ var('referrals_many') }} then 'many'
            when overviews.referred_customer_count > 0 then 'some'
            when overviews.referred_customer_count = 0 then 'none'
        end as referral_band,
        coalesce(purchases.window_order_count, 0) as order_count,
        coalesce(purchases.window_net_sales_amount, 0) as net_sales_amount,
        case when purchases.window_day_count > 0 then 1 else 0 end as is_active,
        purchases.window_margin_amount as margin_amount
    from customers
    cross join known_relations
    left join relations
        on customers.customer_id = relations.customer_id
    inner join overviews
        on customers.customer_id = overviews.customer_id
    left join {{ ref('customer_5w1h') }} as habits
        on customers.customer_id = habits.customer_id
    left join {{ ref('int_customer_purchases') }} as purchases
        on customers.customer_key = purchases.customer_key
    left join regions
        on
            customers.country = regions.country
            and customers.region = regions.region
            and regions.city is null
    left join regions as cities
        on
            customers.country = cities.country
            and customers.region = cities.region
            and customers.city = cities.city
),

valued as (
    select
        {%- for name in names %}
        {%- set lacking = "case when is_prospect then 'prospect' when order_count = 0 then 'none' else 'unknown' end" if name in of_orders else "'unknown'" %}
        coalesce(cast({{ name }} as varchar), {{ lacking }}) as {{ name }},
        {%- endfor %}
        is_active,
        order_count,
        net_sales_amount,
        margin_amount
    from described
),

-- All dimensions in one pass. A value is never NULL, so that of a row's dimensions only the one it is grouped by has one.
profiles as (
    select
        {%- for name in names %}
        {{ name }},
        {%- endfor %}
        count(*) as customer_count,
        sum(is_active) as active_customer_count,
        sum(order_count) as order_count,
        sum(net_sales_amount) as net_sales_amount,
        case
            when sum(is_active) > 0 and count(*) filter (where is_active = 1 and margin_amount is null) = 0 then sum(margin_amount)
        end as margin_amount
    from valued
    group by grouping sets (({{ names | join('), (') }})) -- noqa: PRS
),

named as (
    select
        case
            {%- for kind, of_kind in dimensions.items() %}
            when coalesce({{ of_kind | join(', ') }}) is not null then '{{ kind }}'
            {%- endfor %}
        end as dimension_kind,
        case
            {%- for name in names %}
            when {{ name }} is not null then '{{ name }}'
            {%- endfor %}
        end as dimension,
        coalesce({{ names | join(', ') }}) as value,
        customer_count,
        active_customer_count,
        order_count,
        net_sales_amount,
        margin_amount
    from profiles
),

totals as (
    select
        count(*) as customer_count,
        sum(net_sales_amount) as net_sales_amount
    from described
)

select
    {{ as_of_date() }} as as_of_date,
    named.dimension_kind,
    named.dimension,
    named.value,
    named.customer_count,
    cast(named.customer_count as double) / totals.customer_count as customer_share,
    cast(named.active_customer_count as bigint) as active_customer_count,
    cast(named.order_count as bigint) as order_count,
    cast(named.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(named.margin_amount as decimal(18, 4)) as margin_amount,
    cast(named.net_sales_amount / nullif(named.order_count, 0) as decimal(18, 4)) as average_order_amount,
    100.0 * (cast(named.net_sales_amount as double) / named.customer_count)
    / nullif(cast(totals.net_sales_amount as double) / totals.customer_count, 0) as sales_index
from named
cross join totals
