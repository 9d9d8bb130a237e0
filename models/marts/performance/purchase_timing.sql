-- Grain: one segment, weekday and hour with orders in the trailing window, by the shop's local time.
-- Segments: those of RFM, anonymous orders, and all together. Returns without a purchase have no shopping hour.
with

orders as (
    select
        int_orders.customer_key,
        int_orders.order_hour,
        {{ iso_weekday('int_orders.order_date') }} as weekday,
        int_orders.net_sales_amount
    from {{ ref('int_orders') }} as int_orders
    where
        not int_orders.is_return_only
        and int_orders.order_date > {{ window_start_date() }}
),

segments as (
    select
        persons.customer_key,
        customer_rfm.rfm_segment
    from {{ ref('customer_rfm') }} as customer_rfm
    inner join {{ ref('int_persons') }} as persons
        on customer_rfm.customer_id = persons.customer_id
),

-- Customers first: most of an hour's orders are other people's.
counted as (
    select
        customer_key,
        weekday,
        order_hour,
        count(*) as order_count,
        sum(net_sales_amount) as net_sales_amount
    from orders
    group by customer_key, weekday, order_hour
),

parts as (
    select
        coalesce(segments.rfm_segment, 'anonymous') as segment,
        counted.weekday,
        counted.order_hour,
        sum(counted.order_count) as order_count,
        count(counted.customer_key) as customer_count,
        sum(counted.net_sales_amount) as net_sales_amount
    from counted
    left join segments
        on counted.customer_key = segments.customer_key
    group by coalesce(segments.rfm_segment, 'anonymous'), counted.weekday, counted.order_hour
),

together as (
    select * from parts

    union all

    select
        'all' as segment,
        weekday,
        order_hour,
        sum(order_count) as order_count,
        sum(customer_count) as customer_count,
        sum(net_sales_amount) as net_sales_amount
    from parts
    group by weekday, order_hour
)

select
    {{ as_of_date() }} as as_of_date,
    segment,
    weekday,
    order_hour,
    cast(order_count as bigint) as order_count,
    cast(customer_count as bigint) as customer_count,
    cast(net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(order_count as double) / sum(order_count) over (partition by segment) as order_share
from together
