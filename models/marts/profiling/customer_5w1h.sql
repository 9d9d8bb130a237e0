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

assortment as {{ inlined() }} (
    select * from {{ ref('int_customer_assortment') }}
),

kinds as (
    select distinct
        kind_number,
        department_number,
        category_number,
        brand_number
    from {{ ref('int_product_kinds') }}
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

{{ level }}_names as (
    select distinct
        {{ level }}_number,
        {{ level }}
    from {{ ref('int_product_kinds') }}
    where {{ level }} is not null
),

{{ level }}_sales as (
    select
        assortment.customer_key,
        kinds.{{ level }}_number,
        sum(assortment.net_sales_amount) as net_sales_amount
    from assortment
    inner join kinds
        on assortment.kind_number = kinds.kind_number
    where kinds.{{ level }}_number is not null
    group by assortment.customer_key, kinds.{{ level }}_number
    having sum(assortment.net_sales_amount) > 0
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

-- Of equally large ones the first by its name, as numbers follow; grouping takes half the time of sorting.
{{ level }}_top_numbers as (
    select
        sales.customer_key,
        min(sales.{{ level }}_number) as {{ level }}_number,
        cast(max(totals.top_sales_amount) as double) / cast(max(totals.net_sales_amount) as double) as top_share
    from {{ level }}_sales as sales
    inner join {{ level }}_totals as totals
        on
            sales.customer_key = totals.customer_key
            and sales.net_sales_amount = totals.top_sales_amount
    group by sales.customer_key
),

{{ level }}_tops as (
    select
        tops.customer_key,
        names.{{ level }},
        tops.top_share
    from {{ level }}_top_numbers as tops
    inner join {{ level }}_names as names
        on tops.{{ level }}_number = names.{{ level }}_number
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
