-- Grain: one accepted order line of an order that has to be made again; every accepted line where all is built anew.
{{ config(materialized='narrowed') }}
{%- set changed_orders = ref('int_changed_orders') %}
with

accepted as (
    {{ accepted_rows('order_lines') }}
)
{%- if is_built() %},

changed_orders as (
    select distinct
        source_system,
        order_id
    from {{ changed_orders }}
)

select accepted.*
from accepted
inner join changed_orders
    on
        accepted.source_system = changed_orders.source_system
        and accepted.order_id = changed_orders.order_id
{%- else %}

select * from accepted
{%- endif %}
