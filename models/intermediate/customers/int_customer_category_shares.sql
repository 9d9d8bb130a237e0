-- Grain: one customer and one of the most bought categories: share of their spend in the trailing window.
-- A category with more returned than bought counts as nothing.
with

kinds as (
    select distinct
        kind_number,
        category_number,
        category
    from {{ ref('int_product_kinds') }}
    where category is not null
),

spent as (
    select
        assortment.customer_key,
        kinds.category_number,
        sum(assortment.net_sales_amount) as net_sales_amount
    from {{ ref('int_customer_assortment') }} as assortment
    inner join kinds
        on assortment.kind_number = kinds.kind_number
    group by assortment.customer_key, kinds.category_number
    having sum(assortment.net_sales_amount) > 0
),

-- Numbers follow names: of equally frequent categories the first by its name.
ranked as (
    select category_number
    from spent
    group by category_number
    qualify row_number() over (order by count(*) desc, category_number asc) <= {{ var('need_category_count') }}
),

categories as (
    select distinct
        kinds.category_number,
        kinds.category
    from kinds
    inner join ranked
        on kinds.category_number = ranked.category_number
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
    categories.category,
    cast(spent.net_sales_amount as double) / cast(totals.net_sales_amount as double) as sales_share
from spent
inner join categories
    on spent.category_number = categories.category_number
inner join totals
    on spent.customer_key = totals.customer_key
