-- Grain: one customer and department, category and brand they bought in the trailing window; NULL where no product tells.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_window_customers': ['customer_key']}}
) }}
with

lines as (
    select order_lines.*
    from {{ ref('int_order_lines') }} as order_lines
    {{ only_changed_customers('order_lines', 'int_changed_window_customers') }}
    where
        order_lines.is_known_customer
        and order_lines.order_date <= {{ as_of_date() }}
        and order_lines.order_date > {{ window_start_date() }}
),

products as (
    select * from {{ ref('int_product_kinds') }}
)

select
    lines.customer_key,
    products.kind_number,
    cast(sum(lines.net_sales_amount) as decimal(18, 4)) as net_sales_amount,
    cast(sum(lines.gross_sales_amount) as decimal(18, 4)) as gross_sales_amount,
    cast(sum(case when lines.discount_amount > 0 or lines.coupon_discount_amount > 0 then lines.gross_sales_amount else 0 end) as decimal(18, 4))
        as reduced_gross_sales_amount
from lines
left join products
    on lines.product_id = products.product_id
group by lines.customer_key, products.kind_number
