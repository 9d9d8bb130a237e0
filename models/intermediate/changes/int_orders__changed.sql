-- Grain: one order that was made again: a changed one, or one of a changed customer, whose place may have moved.
{{ config(materialized='narrowed') }}
with

orders as (
    select * from {{ ref('int_orders') }}
)

select
    source_system,
    order_id
from {{ ref('int_changed_orders') }}

union

select
    orders.source_system,
    orders.order_id
from orders
inner join {{ ref('int_changed_customers') }} as changed_customers
    on orders.customer_key = changed_customers.customer_key
