-- Grain: one landed row of order_lines whose order has to be checked again; every row where all is built anew.
{{ config(materialized='narrowed') }}
{%- set unioned = ref('int_order_lines__unioned') %}
{%- set changed_orders = ref('int_changed_orders__landed') %}
{%- set changed_loads = ref('int_changed_loads') %}
{%- set files = files_of_orders(unioned, changed_orders, changed_loads) %}
with

incoming as (
    select *
    from {{ unioned }}
    {%- if is_built() %}
    where {{ only_files(files) }}
    {%- endif %}
)
{%- if is_built() %}

select incoming.*
from incoming
inner join {{ changed_orders }} as changed_orders
    on
        incoming.source_system = changed_orders.source_system
        and incoming.order_id = changed_orders.order_id

union all

select *
from incoming
where
    order_id is null
    and _file_id in (select changed_loads._file_id from {{ changed_loads }} as changed_loads)
{%- else %}

select * from incoming
{%- endif %}
