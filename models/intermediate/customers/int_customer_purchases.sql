-- Grain: one customer with an order or a return, with totals for all time and for the trailing window.
with

days as (
    select customer_days.*
    from {{ ref('int_customer_days') }} as customer_days
),

flagged as (
    select
        *,
        activity_date > {{ window_start_date() }} as is_in_window
    from days
)

select
    customer_key,
    min(activity_date) filter (where order_count > 0) as first_order_date,
    max(activity_date) filter (where order_count > 0) as last_order_date,
    cast(sum(order_count) as bigint) as order_count,
    count(*) filter (where order_count > 0) as order_day_count,
    cast(sum(net_sales_amount) as decimal(18, 4)) as net_sales_amount,
    cast({{ sum_if_all_known('margin_amount') }} as decimal(18, 4)) as margin_amount,
    cast(sum(costed_line_count) as bigint) as costed_line_count,
    cast(coalesce(sum(order_count) filter (where is_in_window), 0) as bigint) as window_order_count,
    cast(coalesce(sum(net_sales_amount) filter (where is_in_window), 0) as decimal(18, 4)) as window_net_sales_amount,
    cast(
        case when count(*) filter (where is_in_window and margin_amount is null) = 0 then sum(margin_amount) filter (where is_in_window) end
        as decimal(18, 4)
    ) as window_margin_amount,
    cast(coalesce(sum(costed_line_count) filter (where is_in_window), 0) as bigint) as window_costed_line_count,
    count(*) filter (where is_in_window and order_count > 0) as window_order_day_count,
    count(*) filter (where is_in_window) as window_day_count
from flagged
group by customer_key
