-- Grain: one landed row of order_lines whose order has to be checked again; every row where all is built anew.
{{ config(materialized='narrowed') }}
{%- set unioned = ref('int_order_lines__unioned') %}
{%- set changed_orders = ref('int_changed_orders__landed') %}
{%- set changed_loads = ref('int_changed_loads') %}
{%- set files = listed_files('select distinct _file_id from ' ~ changed_loads ~ ' order by _file_id') %}
{%- if is_built() %}
with

in_changed_loads as (
    select *
    from {{ unioned }}
    where {{ only_files(files) }}
),

in_other_loads as (
    {{ rows_of_orders('(select * from ' ~ unioned ~ ' where not coalesce(' ~ only_files(files) ~ ', false))', changed_orders) }}
)

select * from in_changed_loads

union all

select * from in_other_loads
{%- else %}

select * from {{ unioned }}
{%- endif %}
