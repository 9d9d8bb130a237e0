-- Grain: one accepted order line of an order that has to be made again; every accepted line where all is built anew.
-- Rows of orders that changed as they were landed are at hand; others are looked for.
{{ config(materialized='changed_only') }}
{%- set unioned = ref('int_order_lines__unioned') %}
{%- set arrived = ref('int_order_lines__arrived') %}
{%- set landed_orders = ref('int_changed_orders__landed') %}
{%- set changed_orders = ref('int_changed_orders') %}
{%- if is_incremental_run() %}
    {%- set others -%}
        (
            select source_system, order_id from {{ changed_orders }}
            except
            select source_system, order_id from {{ landed_orders }}
        )
    {%- endset %}
with

incoming as (
    select * from {{ arrived }}

    union all

    {{ rows_of_orders(unioned, others) }}
)

{{ accepted_rows('order_lines', 'incoming') }}
{%- else %}

{{ accepted_rows('order_lines') }}
{%- endif %}
