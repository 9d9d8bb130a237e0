-- Grain: one landed row of order_lines that is sound but cancelled.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_orders__landed': ['source_system', 'order_id'], 'int_changed_files': ['_file_id']}}
) }}
{%- set changed = [ref('int_changed_orders__landed'), ref('int_changed_files')] %}
with

arrived as (
    select * from {{ ref('int_order_lines__arrived') }}
),

exceptional as (
    select * from {{ ref('int_order_lines__exceptions') }}
),

cancelled_statuses as (
    select * from {{ source('control', 'cancelled_statuses') }}
)

select
    arrived.source_system,
    arrived._file_id,
    arrived._file_row,
    arrived.order_id
from arrived
inner join cancelled_statuses
    on
        arrived.source_system = cancelled_statuses.source_system
        and arrived.status = cancelled_statuses.status
left join exceptional
    on
        arrived._file_id = exceptional._file_id
        and arrived._file_row = exceptional._file_row
where exceptional._file_row is null
