-- Grain: one cohort (customers of one kind whose first order ever fell into one month) in one month of its life.
-- Every complete month has its row, also one in which nobody came. A month before the first order (a return) is not counted.
with

customers as (
    select
        persons.customer_key,
        cast(date_trunc('month', dim_customers.first_order_date) as date) as cohort_month,
        coalesce(dim_customers.acquisition_channel, 'unknown') as acquisition_channel,
        coalesce(first_orders.first_category, 'unknown') as first_category,
        coalesce(dim_customers.region, 'unknown') as region
    from {{ ref('dim_customers') }} as dim_customers
    inner join {{ ref('int_persons') }} as persons
        on dim_customers.customer_id = persons.customer_id
    inner join {{ ref('int_first_orders') }} as first_orders
        on persons.customer_key = first_orders.customer_key
),

customer_months as (
    select * from {{ ref('int_customer_months') }}
),

span as (
    select * from {{ ref('int_data_span') }}
),

-- One pass over the months: per cohort by all dimensions together, then by each of them.
together as (
    select
        customers.cohort_month,
        customers.acquisition_channel,
        customers.first_category,
        customers.region,
        customer_months.order_month,
        count(*) filter (where customer_months.order_count > 0) as active_customer_count,
        sum(customer_months.net_sales_amount) as net_sales_amount,
        sum(customer_months.margin_amount) as margin_amount,
        count(*) - count(customer_months.margin_amount) as unknown_margin_count
    from customer_months
    inner join customers
        on
            customer_months.customer_key = customers.customer_key
            and customer_months.order_month >= customers.cohort_month
    group by
        customers.cohort_month, customers.acquisition_channel, customers.first_category, customers.region,
        customer_months.order_month
),

sizes as (
    {%- for dimension in ['all', 'acquisition_channel', 'first_category', 'region'] %}
    {{ 'union all' if not loop.first }}
    select
        '{{ dimension }}' as cohort_dimension,
        {{ "'all'" if dimension == 'all' else dimension }} as cohort_value,
        cohort_month,
        count(*) as cohort_size
    from customers
    group by {{ 'cohort_month' if dimension == 'all' else dimension ~ ', cohort_month' }}
    {%- endfor %}
),

activity as (
    {%- for dimension in ['all', 'acquisition_channel', 'first_category', 'region'] %}
    {{ 'union all' if not loop.first }}
    select
        '{{ dimension }}' as cohort_dimension,
        {{ "'all'" if dimension == 'all' else dimension }} as cohort_value,
        cohort_month,
        order_month,
        sum(active_customer_count) as active_customer_count,
        sum(net_sales_amount) as net_sales_amount,
        sum(margin_amount) as margin_amount,
        sum(unknown_margin_count) as unknown_margin_count
    from together
    group by {{ 'cohort_month' if dimension == 'all' else dimension ~ ', cohort_month' }}, order_month
    {%- endfor %}
),

months as (
    select month_start_date as order_month
    from {{ ref('int_months') }}
    where is_complete
),

cells as (
    select
        sizes.*,
        months.order_month,
        coalesce(activity.active_customer_count, 0) as active_customer_count,
        coalesce(activity.net_sales_amount, 0) as net_sales_amount,
        coalesce(activity.margin_amount, 0) as margin_amount,
        coalesce(activity.unknown_margin_count, 0) as unknown_margin_count
    from sizes
    inner join months
        on sizes.cohort_month <= months.order_month
    left join activity
        on
            sizes.cohort_dimension = activity.cohort_dimension
            and sizes.cohort_value = activity.cohort_value
            and sizes.cohort_month = activity.cohort_month
            and months.order_month = activity.order_month
)

select
    {{ as_of_date() }} as as_of_date,
    cells.cohort_dimension,
    cells.cohort_value,
    cells.cohort_month,
    cast({{ dbt.datediff('cells.cohort_month', 'cells.order_month', 'month') }} as integer) as months_since,
    cells.order_month,
    cells.cohort_size,
    cast(cells.active_customer_count as bigint) as active_customer_count,
    cast(cells.active_customer_count as double) / cells.cohort_size as retention_rate,
    cast(cells.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(sum(cells.net_sales_amount) over so_far as decimal(18, 4)) as cumulative_net_sales_amount,
    cast(case when sum(cells.unknown_margin_count) over so_far = 0 then sum(cells.margin_amount) over so_far end as decimal(18, 4))
        as cumulative_margin_amount,
    {{ dbt.datediff('span.first_data_date', 'cells.cohort_month', 'day') }} <= {{ var('truncation_days') }} as is_left_truncated
from cells
cross join span
window so_far as (
    partition by cells.cohort_dimension, cells.cohort_value, cells.cohort_month
    order by cells.order_month asc
    rows between unbounded preceding and current row
)
