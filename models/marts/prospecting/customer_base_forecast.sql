-- Grain: one month ahead: what today's customers will do; those yet to be won are not in it.
with

habits as (
    select
        sum(cast(expected_order_days_12m as decimal(18, 8))) as order_days,
        sum(cast(expected_orders_12m as decimal(18, 8))) as orders,
        sum(cast(expected_order_days_12m * expected_order_day_amount as decimal(18, 4))) as sales_amount
    from {{ ref('customer_clv') }}
),

months as (
    select
        forecast.*,
        cast(habits.orders as double) / nullif(habits.order_days, 0) as orders_per_order_day,
        cast(habits.sales_amount as double) / nullif(habits.order_days, 0) as order_day_amount
    from {{ source('fits', 'clv_forecast') }} as forecast
    cross join habits
)

select
    month_number,
    {{ as_of_date() }} as as_of_date,
    {{ add_days(as_of_date(), 'floor((month_number - 1) * 365.25 / 12) + 1') }} as period_start_date,
    {{ add_days(as_of_date(), 'floor(month_number * 365.25 / 12)') }} as period_end_date,
    active_customers as expected_active_customers,
    active_customers_low as expected_active_customers_low,
    active_customers_high as expected_active_customers_high,
    order_days * orders_per_order_day as expected_orders,
    order_days_low * orders_per_order_day as expected_orders_low,
    order_days_high * orders_per_order_day as expected_orders_high,
    cast(order_days * order_day_amount as decimal(18, 4)) as expected_sales_amount,
    cast(order_days_low * order_day_amount as decimal(18, 4)) as expected_sales_amount_low,
    cast(order_days_high * order_day_amount as decimal(18, 4)) as expected_sales_amount_high,
    'todays_customers' as forecast_basis
from months
