-- Grain: one customer with an order: what their first order was about.
-- Its category is the one with the largest net sales, then the first by name; returns are no purchase.
with

first_orders as (
    select orders.*
    from {{ ref('int_orders') }} as orders
    where orders.order_number = 1
),

lines as (
    select
        source_system,
        order_id,
        product_id,
        net_sales_amount
    from {{ ref('int_order_lines') }}
    where
        not is_return
        and order_date <= {{ as_of_date() }}
),

-- A number stands for the category: it is grouped by in half the time, and follows the name.
products as (
    select
        product_id,
        category_number
    from {{ ref('int_product_kinds') }}
    where category is not null
),

names as (
    {{ numbered('category') }}
),

sales as (
    select
        first_orders.customer_key,
        products.category_number,
        sum(lines.net_sales_amount) as net_sales_amount
    from lines
    inner join first_orders
        on
            lines.source_system = first_orders.source_system
            and lines.order_id = first_orders.order_id
    inner join products
        on lines.product_id = products.product_id
    group by first_orders.customer_key, products.category_number
),

largest as (
    select
        customer_key,
        max(net_sales_amount) as net_sales_amount
    from sales
    group by customer_key
),

categories as (
    select
        sales.customer_key,
        min(sales.category_number) as category_number
    from sales
    inner join largest
        on
            sales.customer_key = largest.customer_key
            and sales.net_sales_amount = largest.net_sales_amount
    group by sales.customer_key
)

select
    first_orders.customer_key,
    first_orders.order_date as first_order_date,
    first_orders.channel as first_channel,
    first_orders.store_id as first_store_id,
    names.category as first_category
from first_orders
left join categories
    on first_orders.customer_key = categories.customer_key
left join names
    on categories.category_number = names.category_number
