-- Grain: one customer of an order that was made again, before or after.
with

changed_orders as (
    select * from {{ ref('int_changed_orders') }}
),

lines as (
    select * from {{ ref('int_order_lines') }}
)

select customer_key_before as customer_key
from changed_orders
where customer_key_before is not null

union

select lines.customer_key
from lines
inner join changed_orders
    on
        lines.source_system = changed_orders.source_system
        and lines.order_id = changed_orders.order_id
where lines.customer_key is not null
