-- The relations of benchmarks/straight.py by hand. Each begins with its name and the models that take its place.

-- lines: int_order_lines
select
    source_system, order_id, line_number, customer_key as customer, ordered_at,
    cast(timezone(systems.time_zone, timezone('UTC', ordered_at)) as date) as order_date,
    date_trunc('month', timezone(systems.time_zone, timezone('UTC', ordered_at)))::date as order_month,
    systems.id_scope || ':' || lines.product_id as product_id,
    systems.id_scope || ':' || lines.store_id as store_id, channel, payment_method,
    coalesce(is_return, false) as is_return, lines.discount_amount, lines.coupon_discount_amount,
    case when is_return then -abs(lines.net_sales_amount) else lines.net_sales_amount end as net_sales_amount,
    case when is_return then 0 else unit_price * quantity end as gross_sales_amount,
    case when is_return then -abs(lines.net_sales_amount) else lines.net_sales_amount end
    - products.landed_unit_cost_amount * case when is_return then -abs(quantity) else quantity end as margin_amount
from restricted.canonical__order_lines as lines
join restricted.control__source_systems as systems using (source_system)
left join restricted.int_customer_identity as identity
    on lines.source_system = identity.source_system and lines.customer_id = identity.source_customer_id
left join restricted.int_products as products
    on systems.id_scope || ':' || lines.product_id = products.product_id;

-- orders: int_orders
with orders as (
    select
        source_system, order_id, max(customer) as customer, min(ordered_at) as ordered_at,
        min(order_date) as order_date, any_value(store_id) as store_id, any_value(channel) as channel,
        count(*) as line_count, sum(gross_sales_amount) as gross_sales_amount,
        sum(discount_amount) as discount_amount, sum(coupon_discount_amount) as coupon_discount_amount,
        sum(net_sales_amount) as net_sales_amount, sum(margin_amount) as margin_amount, bool_and(is_return) as is_return
    from lines group by all
)
select
    *, row_number() over customers as order_number, lag(order_date) over customers as previous_order_date
from orders
window customers as (
    partition by customer, is_return order by order_date, ordered_at, source_system, order_id
);

-- customer_days: int_customer_days
select customer, order_date, net_sales_amount, margin_amount, coalesce(order_count, 0) as order_count
from (
    select customer, order_date, sum(net_sales_amount) as net_sales_amount, sum(margin_amount) as margin_amount
    from lines where customer is not null group by all
)
left join (
    select customer, order_date, count(*) as order_count
    from orders where customer is not null and not is_return group by all
) using (customer, order_date);

-- rfm: int_customer_purchases, customer_rfm
with customers as (
    select
        customer, max(order_date) as last_date, sum(order_count) as orders, sum(net_sales_amount) as net,
        sum(margin_amount) as margin, min(order_date) as first_date
    from customer_days where order_date > date '{start}' and order_count > 0 group by all
)
select
    *, ntile(5) over (order by last_date) as r, ntile(5) over (order by orders) as f, ntile(5) over (order by net) as m
from customers;

-- pyramid: customer_pyramid
with periods as (
    select customer, 'year' as period, sum(net_sales_amount) as net
    from customer_days where order_date > date '{start}' group by all
    union all
    select customer, date_trunc('quarter', order_date)::text as period, sum(net_sales_amount) as net
    from customer_days group by all
)
select
    *, rank() over (partition by period order by net desc) as place,
    cume_dist() over (partition by period order by net desc) as share
from periods;

-- gaps: int_customer_order_days
select *, quantile_cont(gap, 0.5) over (partition by customer order by order_date) as typical_gap
from (
    select
        customer, order_date, order_date - lag(order_date) over customers as gap,
        lead(order_date) over customers as next_date
    from customer_days where order_count > 0
    window customers as (partition by customer order by order_date)
);

-- cohorts: fct_customer_months, cohort_retention
with months as (
    select
        customer, date_trunc('month', order_date) as month, sum(order_count) as orders,
        sum(net_sales_amount) as net, sum(margin_amount) as margin
    from customer_days group by all
),
first as (
    select
        customer, min(month) as cohort, acquisition_channel, region
    from months
    join intermediate.int_persons as persons on months.customer = persons.customer_key
    join core.dim_customers using (customer_id)
    where orders > 0 group by all
),
cells as (
    select cohort, acquisition_channel, region, month, count(*) as active, sum(net) as net, sum(margin) as margin
    from months join first using (customer) where orders > 0 group by all
)
select cohort, acquisition_channel, region, month, sum(active) as active, sum(net) as net, sum(margin) as margin
from cells
group by grouping sets ((cohort, month), (cohort, acquisition_channel, month), (cohort, region, month));

-- sales_by_dimension: sales_by_dimension
select
    order_month, channel, store_id, category, sum(gross_sales_amount) as gross, sum(net_sales_amount) as net,
    sum(margin_amount) as margin, sum(discount_amount) as discount, count(distinct source_system || order_id) as orders,
    count(distinct customer) as customers, sum(net_sales_amount) filter (payment_method = 'card') as card
from lines left join restricted.int_products using (product_id)
group by all;
