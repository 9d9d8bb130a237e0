-- Grain: one customer who had ordered by the calibration date: their history then, and their order-days after it.
-- A view: read once, in aggregate.
{{ config(materialized='view') }}

with

dates as (
    select * from {{ ref('int_clv_holdout_dates') }}
),

days as (
    select * from {{ ref('int_customer_days') }}
),

histories as (
    {{ purchase_histories('days', "(select calibration_date from dates)") }}
),

after as (
    select
        days.customer_key,
        count(*) filter (where days.activity_date > dates.calibration_date) as holdout_count,
        count(*) filter (where days.activity_date > dates.last_period_date and days.activity_date <= dates.calibration_date)
            as last_period_count
    from days
    cross join dates
    where
        days.order_count > 0
        and days.net_sales_amount > 0
        and days.activity_date > dates.last_period_date
    group by days.customer_key
)

select
    histories.*,
    coalesce(after.holdout_count, 0) as holdout_count,
    coalesce(after.last_period_count, 0) as last_period_count
from histories
left join after
    on histories.customer_key = after.customer_key
