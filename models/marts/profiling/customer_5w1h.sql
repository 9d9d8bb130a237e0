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

preferences as (
    select * from {{ ref('int_customer_preferences') }}
),

orders as (
    select * from {{ ref('int_customer_orders') }}
),

lifecycle as (
    select * from {{ ref('customer_lifecycle') }}
)

select
    customers.customer_id,
    {{ as_of_date() }} as as_of_date,
    customers.is_prospect,
    customers.age_band,
    customers.gender,
    customers.occupation,
    customers.household_size,
    {%- for level in ['department', 'category', 'brand'] %}
    preferences.top_{{ level }},
    preferences.top_{{ level }}_share,
    {%- endfor %}
    cast(orders.discount_amount as double) / nullif(orders.gross_sales_amount, 0) as discount_share,
    case
        when orders.discount_amount is not null
            then cast(preferences.reduced_gross_sales_amount as double) / nullif(preferences.gross_sales_amount, 0)
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
left join preferences
    on customers.customer_key = preferences.customer_key
left join {{ ref('customer_needs') }} as needs
    on customers.customer_id = needs.customer_id
left join lifecycle
    on customers.customer_id = lifecycle.customer_id
