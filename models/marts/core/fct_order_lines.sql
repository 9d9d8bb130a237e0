-- Grain: one order line up to the as-of date.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed', on_schema_change='fail',
    meta={'changed': {'int_changed_orders': ['source_system', 'order_id']}}
) }}
with

lines as (
    select lines.*
    from {{ ref('int_order_lines') }} as lines
    {{ only_changed_orders('lines') }}
    where lines.order_date <= {{ as_of_date() }}
),

persons as (
    select * from {{ ref('int_persons') }}
)

select
    lines.source_system,
    lines.order_id,
    lines.line_number,
    lines.ordered_at,
    lines.order_date,
    lines.order_month,
    persons.customer_id,
    lines.product_id,
    lines.store_id,
    lines.channel,
    lines.payment_method,
    lines.quantity,
    lines.gross_sales_amount,
    lines.discount_amount,
    lines.coupon_discount_amount,
    lines.return_amount,
    lines.net_sales_amount,
    lines.cost_amount,
    lines.margin_amount,
    lines.margin_basis,
    lines.is_return,
    lines.return_of_order_id
from lines
left join persons
    on lines.customer_key = persons.customer_key
