-- Grain: one customer and one category: share of their spend in the trailing window.
-- A category with more returned than bought counts as nothing.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_window_customers': ['customer_key']}}
) }}
with

kinds as (
    select distinct
        kind_number,
        category_number,
        category
    from {{ ref('int_product_kinds') }}
    where category is not null
),

categories as (
    select distinct
        category_number,
        category
    from kinds
),

spent as (
    select
        assortment.customer_key,
        kinds.category_number,
        sum(assortment.net_sales_amount) as net_sales_amount
    from {{ ref('int_customer_assortment') }} as assortment
    inner join kinds
        on assortment.kind_number = kinds.kind_number
    {{ only_changed_customers('assortment', 'int_changed_window_customers') }}
    group by assortment.customer_key, kinds.category_number
    having sum(assortment.net_sales_amount) > 0
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
