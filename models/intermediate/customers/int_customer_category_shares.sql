-- Grain: one customer and one of the most bought categories: share of their spend in the trailing window.
-- A category with more returned than bought counts as nothing. A view: the assortment is stored, shares are a division.
{{ config(materialized='view') }}

with

spent as (
    select
        customer_key,
        category,
        sum(net_sales_amount) as net_sales_amount
    from {{ ref('int_customer_assortment') }}
    where category is not null
    group by customer_key, category
    having sum(net_sales_amount) > 0
),

categories as (
    select category
    from spent
    group by category
    qualify row_number() over (order by count(*) desc, category asc) <= {{ var('need_category_count') }}
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
    spent.category,
    cast(spent.net_sales_amount as double) / cast(totals.net_sales_amount as double) as sales_share
from spent
inner join categories
    on spent.category = categories.category
inner join totals
    on spent.customer_key = totals.customer_key
