-- Grain: one landed row of order_lines whose order has to be checked again; every row where all is built anew.
{{ config(materialized='changed_only') }}
{%- set unioned = ref('int_order_lines__unioned') %}
{%- set changed_orders = ref('int_changed_orders__landed') %}
{%- set changed_files = ref('int_changed_files') %}
{%- set files = listed_files('select distinct _file_id from ' ~ changed_files ~ ' order by _file_id') %}
{%- if is_incremental_run() %}
with

in_changed_files as (
    select *
    from {{ unioned }}
    where {{ only_files(files) }}
),

in_other_files as (
    {{ rows_of_orders('(select * from ' ~ unioned ~ ' where not coalesce(' ~ only_files(files) ~ ', false))', changed_orders) }}
)

select * from in_changed_files

union all

select * from in_other_files
{%- else %}

select * from {{ unioned }}
{%- endif %}
