-- Grain: one landed row of order_lines that is not used as it is, with the reason.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_orders__landed': ['source_system', 'order_id'], 'int_changed_files': ['_file_id']}}
) }}
{%- set changed = [ref('int_changed_orders__landed'), ref('int_changed_files')] %}
{{ contract_exceptions('order_lines', incoming=ref('int_order_lines__arrived'), told=['order_id']) }}
