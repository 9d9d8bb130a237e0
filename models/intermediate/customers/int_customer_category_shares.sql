-- Grain: one customer and one category: share of their spend in the trailing window.
-- A category with more returned than bought counts as nothing.
with

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

spent as (
    select
        lines.customer_key,
        products.category_number,
        sum(lines.net_sales_amount) as net_sales_amount
    from (
        {{ lines_of_the_window() }}
    ) as lines
    inner join products
        on lines.product_id = products.product_id
    group by lines.customer_key, products.category_number
    having sum(lines.net_sales_amount) > 0
),

totals as (
    select
        customer_key,
        sum(net_sales_amount) as net_sales_amount
    from spent
    group by customer_key
)

select
    spent.customer_key,
    names.category,
    cast(spent.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(spent.net_sales_amount as double) / cast(totals.net_sales_amount as double) as sales_share
from spent
inner join names
    on spent.category_number = names.category_number
inner join totals
    on spent.customer_key = totals.customer_key
