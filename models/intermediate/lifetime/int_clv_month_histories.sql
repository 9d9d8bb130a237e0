-- Grain: one customer with an order and one of the last complete month-ends: their history as of then.
with

month_ends as (
    {{ told_month_ends() }}
),

days as {{ inlined() }} (
    select
        customer_days.customer_key,
        customer_days.activity_date,
        customer_days.order_count,
        customer_days.net_sales_amount,
        customer_days.margin_amount,
        month_ends.month_end_date,
        month_ends.window_start_date
    from {{ ref('int_customer_days') }} as customer_days
    cross join month_ends
),

histories as (
    {{ purchase_histories('days', 'month_end_date', per='month_end_date') }}
),

margins as (
    select
        customer_key,
        month_end_date,
        {{ sum_if_all_known('margin_amount') }} as margin_amount,
        true as is_active
    from days
    where
        activity_date <= month_end_date
        and activity_date > window_start_date
    group by customer_key, month_end_date
)

select
    histories.*,
    month_ends.window_start_date,
    cast(case when margins.is_active then margins.margin_amount else 0 end as decimal(18, 4)) as window_margin_amount
from histories
inner join month_ends
    on histories.month_end_date = month_ends.month_end_date
left join margins
    on
        histories.customer_key = margins.customer_key
        and histories.month_end_date = margins.month_end_date
