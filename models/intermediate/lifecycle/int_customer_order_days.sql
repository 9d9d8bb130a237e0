-- Grain: one customer on one day with an order, with the gaps between order-days as they were known on that day.
with

days as (
    select
        customer_days.customer_key,
        customer_days.activity_date as order_date
    from {{ ref('int_customer_days') }} as customer_days
    where customer_days.order_count > 0
),

sequenced as (
    select
        customer_key,
        order_date,
        row_number() over (partition by customer_key order by order_date asc) as order_day_number,
        lead(order_date) over (partition by customer_key order by order_date asc) as next_order_date,
        cast({{ dbt.datediff('lag(order_date) over (partition by customer_key order by order_date asc)', 'order_date', 'day') }} as integer)
            as gap_days
    from days
),

medians as (
    select
        *,
        {{ running_median('gap_days', 'customer_key', 'order_date asc') }} as median_gap_days
    from sequenced
)

select
    customer_key,
    order_date,
    next_order_date,
    order_day_number,
    order_day_number - 1 as gap_count,
    gap_days,
    median_gap_days,
    lag(median_gap_days) over (partition by customer_key order by order_date asc) as earlier_median_gap_days
from medians
