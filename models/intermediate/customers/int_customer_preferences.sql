-- Grain: one customer with a line in the trailing window: the department, category and brand of most of their net sales.
with

lines as {{ inlined() }} (
    select
        lines.*,
        products.department_number,
        products.brand_number
    from (
        {{ lines_of_the_window() }}
    ) as lines
    left join {{ ref('int_product_kinds') }} as products
        on lines.product_id = products.product_id
),

totals as (
    select
        customer_key,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(case when discount_amount > 0 or coupon_discount_amount > 0 then gross_sales_amount else 0 end) as reduced_gross_sales_amount
    from lines
    group by customer_key
)
{%- for level in ['department', 'brand'] %},

{{ level }}_names as (
    {{ numbered(level) }}
),

{{ level }}_sales as (
    select
        customer_key,
        {{ level }}_number,
        sum(net_sales_amount) as net_sales_amount
    from lines
    where {{ level }}_number is not null
    group by customer_key, {{ level }}_number
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
{%- endfor %},

-- Shares of categories are told already.
category_shares as (
    select category_shares.*
    from {{ ref('int_customer_category_shares') }} as category_shares
),

category_totals as (
    select
        customer_key,
        max(net_sales_amount) as top_sales_amount
    from category_shares
    group by customer_key
),

category_tops as (
    select
        category_shares.customer_key,
        min(category_shares.category) as category,
        max(category_shares.sales_share) as top_share
    from category_shares
    inner join category_totals
        on
            category_shares.customer_key = category_totals.customer_key
            and category_shares.net_sales_amount = category_totals.top_sales_amount
    group by category_shares.customer_key
)

select
    totals.customer_key,
    {%- for level in ['department', 'category', 'brand'] %}
    {{ level }}_tops.{{ level }} as top_{{ level }},
    {{ level }}_tops.top_share as top_{{ level }}_share,
    {%- endfor %}
    cast(totals.gross_sales_amount as decimal(18, 4)) as gross_sales_amount,
    cast(totals.reduced_gross_sales_amount as decimal(18, 4)) as reduced_gross_sales_amount
from totals
left join department_tops
    on totals.customer_key = department_tops.customer_key
left join category_tops
    on totals.customer_key = category_tops.customer_key
left join brand_tops
    on totals.customer_key = brand_tops.customer_key
