-- Grain: one customer with an order in one period (the trailing window, or a calendar quarter).
-- Ties share the lowest rank, so that equal customers stand in the same tier.
with

persons as (
    select * from {{ ref('int_persons') }}
),

span as (
    select * from {{ ref('int_data_span') }}
),

quarters as (
    select
        customer_key,
        cast(date_trunc('quarter', activity_date) as date) as period_start_date,
        sum(order_count) as order_count,
        cast(sum(net_sales_amount) as decimal(18, 4)) as net_sales_amount
    from {{ ref('int_customer_days') }}
    group by customer_key, period_start_date
),

periods as (
    select
        customer_key,
        'trailing_12m' as period_type,
        {{ add_days(window_start_date(), 1) }} as period_start_date,
        {{ as_of_date() }} as period_end_date,
        window_order_count as order_count,
        window_net_sales_amount as net_sales_amount
    from {{ ref('int_customer_purchases') }}

    union all

    -- A quarter counts when the data covers all of it and it is over.
    select
        quarters.customer_key,
        'quarter' as period_type,
        quarters.period_start_date,
        {{ add_days(add_months('quarters.period_start_date', 3), -1) }} as period_end_date,
        quarters.order_count,
        quarters.net_sales_amount
    from quarters
    cross join span
    where
        quarters.period_start_date >= span.first_data_date
        and {{ add_days(add_months('quarters.period_start_date', 3), -1) }} <= span.last_data_date
),

customers as (
    select
        customer_key,
        period_type,
        period_start_date,
        period_end_date,
        net_sales_amount
    from periods
    where order_count > 0
),

ranked as (
    select
        *,
        rank() over (
            partition by period_type, period_end_date
            order by net_sales_amount desc
        ) as sales_rank,
        count(*) over (
            partition by period_type, period_end_date
            order by net_sales_amount desc
            range between unbounded preceding and current row
        ) as at_least_as_good_count
    from customers
),

-- The last rank of each tier, once a period. Shares are exact decimals: 1 % of 2,469 is 24.69, rounded up.
sizes as (
    select
        period_type,
        period_end_date,
        {%- for tier in ['a', 'b', 'c'] %}
        cast(ceil(cast({{ var('pyramid_share_' ~ tier) }} as decimal(9, 6)) * count(*)) as bigint) as last_rank_{{ tier }},
        {%- endfor %}
        count(*) as customer_count
    from customers
    group by period_type, period_end_date
),

tiered as (
    select
        ranked.*,
        sizes.customer_count,
        case
            when ranked.sales_rank <= sizes.last_rank_a then 'A'
            when ranked.sales_rank <= sizes.last_rank_b then 'B'
            when ranked.sales_rank <= sizes.last_rank_c then 'C'
            else 'D'
        end as pyramid_tier
    from ranked
    inner join sizes
        on
            ranked.period_type = sizes.period_type
            and ranked.period_end_date = sizes.period_end_date
)

select
    persons.customer_id,
    {{ as_of_date() }} as as_of_date,
    tiered.period_type,
    tiered.period_start_date,
    tiered.period_end_date,
    tiered.net_sales_amount,
    cast(tiered.sales_rank as bigint) as sales_rank,
    cast(tiered.at_least_as_good_count as double) / nullif(tiered.customer_count, 0) as cumulative_customer_share,
    tiered.pyramid_tier,
    {{ told_of('pyramid_tier') }}
from tiered
inner join persons
    on tiered.customer_key = persons.customer_key
{{ join_playbook('pyramid_tier', 'tiered') }}
