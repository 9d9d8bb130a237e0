-- Grain: one quarter, tier in the quarter before, tier in this quarter; `none` for joiners and leavers.
with

quarters as (
    select
        customer_id,
        period_start_date,
        period_end_date,
        net_sales_amount,
        pyramid_tier
    from {{ ref('customer_pyramid') }}
    where period_type = 'quarter'
),

periods as (
    select
        period_end_date,
        lag(period_end_date) over (order by period_end_date asc) as previous_end_date
    from (select distinct quarters.period_end_date from quarters) as ends
),

-- Each customer of a quarter appears in it as `after`, and in the following quarter as `before`.
moves as (
    select
        periods.period_end_date,
        quarters.customer_id,
        cast(null as varchar) as tier_before,
        cast(0 as decimal(18, 4)) as net_sales_before_amount,
        quarters.pyramid_tier as tier_after,
        quarters.net_sales_amount as net_sales_after_amount
    from quarters
    inner join periods
        on quarters.period_end_date = periods.period_end_date
    where periods.previous_end_date is not null

    union all

    select
        periods.period_end_date,
        quarters.customer_id,
        quarters.pyramid_tier as tier_before,
        quarters.net_sales_amount as net_sales_before_amount,
        cast(null as varchar) as tier_after,
        cast(0 as decimal(18, 4)) as net_sales_after_amount
    from quarters
    inner join periods
        on quarters.period_end_date = periods.previous_end_date
),

customers as (
    select
        period_end_date,
        customer_id,
        coalesce(max(tier_before), 'none') as tier_before,
        coalesce(max(tier_after), 'none') as tier_after,
        sum(net_sales_before_amount) as net_sales_before_amount,
        sum(net_sales_after_amount) as net_sales_after_amount
    from moves
    group by period_end_date, customer_id
)

select
    {{ as_of_date() }} as as_of_date,
    period_end_date,
    tier_before,
    tier_after,
    count(*) as customer_count,
    cast(sum(net_sales_before_amount) as decimal(18, 4)) as net_sales_before_amount,
    cast(sum(net_sales_after_amount) as decimal(18, 4)) as net_sales_after_amount
from customers
group by period_end_date, tier_before, tier_after
