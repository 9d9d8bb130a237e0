-- Grain: one customer, prospects included; what, why, when and how look at the trailing window.
with

customers as (
    select
        dim_customers.*,
        persons.customer_key
    from {{ ref('dim_customers') }} as dim_customers
    inner join {{ ref('int_persons') }} as persons
        on dim_customers.customer_id = persons.customer_id
),

assortment as (
    select * from {{ ref('int_customer_assortment') }}
),

orders as (
    select * from {{ ref('int_customer_orders') }}
),

lifecycle as (
    select * from {{ ref('customer_lifecycle') }}
),

totals as (
    select
        customer_key,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(reduced_gross_sales_amount) as reduced_gross_sales_amount
    from assortment
    group by customer_key
)
{%- for level in ['department', 'category', 'brand'] %},

{{ level }}_sales as (
    select
        customer_key,
        {{ level }},
        sum(net_sales_amount) as net_sales_amount
    from assortment
    where {{ level }} is not null
    group by customer_key, {{ level }}
    having sum(net_sales_amount) > 0
),

-- Of what was kept: what was all brought back is neither in the whole nor on top.
{{ level }}_totals as (
    select
        customer_key,
        sum(net_sales_amount) as net_sales_amount,
        max(net_sales_amount) as top_sales_amount
    from {{ level }}_sales
    group by customer_key
),

-- Of equally large ones the first by its name; grouping takes half the time of sorting.
{{ level }}_tops as (
    select
        sales.customer_key,
        min(sales.{{ level }}) as {{ level }},
        cast(max(totals.top_sales_amount) as double) / cast(max(totals.net_sales_amount) as double) as top_share
    from {{ level }}_sales as sales
    inner join {{ level }}_totals as totals
        on
            sales.customer_key = totals.customer_key
            and sales.net_sales_amount = totals.top_sales_amount
    group by sales.customer_key
)
{%- endfor %}

select
    customers.customer_id,
    {{ as_of_date() }} as as_of_date,
    customers.is_prospect,
    customers.age_band,
    customers.gender,
    customers.occupation,
    customers.household_size,
    {%- for level in ['department', 'category', 'brand'] %}
    {{ level }}_tops.{{ level }} as top_{{ level }},
    {{ level }}_tops.top_share as top_{{ level }}_share,
    {%- endfor %}
    cast(orders.discount_amount as double) / nullif(orders.gross_sales_amount, 0) as discount_share,
    case
        when orders.discount_amount is not null
            then cast(totals.reduced_gross_sales_amount as double) / nullif(totals.gross_sales_amount, 0)
    end as promotion_share,
    customers.purchase_motive,
    needs.need_cluster,
    orders.home_store_id,
    orders.main_channel,
    customers.region,
    customers.city,
    orders.top_weekday,
    orders.top_hour,
    lifecycle.typical_gap_days,
    orders.top_payment_method,
    cast(orders.net_sales_amount / orders.order_count as decimal(18, 4)) as average_order_amount,
    cast(orders.line_count as double) / orders.order_count as average_line_count
from customers
left join orders
    on customers.customer_key = orders.customer_key
left join totals
    on customers.customer_key = totals.customer_key
left join {{ ref('customer_needs') }} as needs
    on customers.customer_id = needs.customer_id
left join lifecycle
    on customers.customer_id = lifecycle.customer_id
{%- for level in ['department', 'category', 'brand'] %}
left join {{ level }}_tops
    on customers.customer_key = {{ level }}_tops.customer_key
{%- endfor %}
