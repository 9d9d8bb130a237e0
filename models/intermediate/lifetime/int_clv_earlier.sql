-- Grain: one customer who had ordered by the learning date, before the calibration date: what a rival that only counts learns from.
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
    {{ purchase_histories('days', "(select learning_date from dates)") }}
),

after as (
    select
        days.customer_key,
        count(*) as next_period_count
    from days
    cross join dates
    where
        days.order_count > 0
        and days.net_sales_amount > 0
        and days.activity_date > dates.learning_date
        and days.activity_date <= dates.calibration_date
    group by days.customer_key
)

select
    histories.*,
    coalesce(after.next_period_count, 0) as next_period_count
from histories
left join after
    on histories.customer_key = after.customer_key
