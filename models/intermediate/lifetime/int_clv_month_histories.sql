-- Grain: one customer with an order and one of the last complete month-ends: their history as of then.
with

month_ends as (
    select month_end_date
    from {{ ref('int_months') }}
    where is_complete
    qualify row_number() over (order by month_end_date desc) <= {{ var('value_tier_month_ends') }}
),

days as (
    select
        customer_days.customer_key,
        customer_days.activity_date,
        customer_days.order_count,
        customer_days.net_sales_amount,
        month_ends.month_end_date
    from {{ ref('int_customer_days') }} as customer_days
    cross join month_ends
)

{{ purchase_histories('days', 'month_end_date', per='month_end_date') }}
