-- Grain: one customer with a line in the trailing window: the department, category and brand of most of their net sales.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_window_customers': ['customer_key']}}
) }}
with

assortment as {{ inlined() }} (
    select assortment.*
    from {{ ref('int_customer_assortment') }} as assortment
    {{ only_changed_customers('assortment', 'int_changed_window_customers') }}
),

kinds as (
    select distinct
        kind_number,
        department_number,
        category_number,
        brand_number
    from {{ ref('int_product_kinds') }}
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
    totals.customer_key,
    {%- for level in ['department', 'category', 'brand'] %}
    {{ level }}_tops.{{ level }} as top_{{ level }},
    {{ level }}_tops.top_share as top_{{ level }}_share,
    {%- endfor %}
    totals.gross_sales_amount,
    totals.reduced_gross_sales_amount
from totals
left join department_tops
    on totals.customer_key = department_tops.customer_key
left join category_tops
    on totals.customer_key = category_tops.customer_key
left join brand_tops
    on totals.customer_key = brand_tops.customer_key
