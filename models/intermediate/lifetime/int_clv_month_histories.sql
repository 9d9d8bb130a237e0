-- Grain: one customer with an order and one of the last complete month-ends: their history as of then.
-- Histories of a month-end that is over change with their customer only.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed',
    meta={'changed': {'int_changed_customers': ['customer_key'], 'int_changed_month_ends': ['month_end_date']}}
) }}
{%- set changed_customers = ref('int_changed_customers') %}
{%- set changed_month_ends = ref('int_changed_month_ends') %}
with

month_ends as (
    {{ told_month_ends() }}
),

days as (
    select
        customer_days.customer_key,
        customer_days.activity_date,
        customer_days.order_count,
        customer_days.net_sales_amount,
        month_ends.month_end_date
    from {{ ref('int_customer_days') }} as customer_days
    cross join month_ends
    {%- if is_built() %}
    left join {{ changed_customers }} as changed_customers
        on customer_days.customer_key = changed_customers.customer_key
    left join {{ changed_month_ends }} as changed_month_ends
        on month_ends.month_end_date = changed_month_ends.month_end_date
    where
        changed_customers.customer_key is not null
        or changed_month_ends.month_end_date is not null
    {%- endif %}
)

{{ purchase_histories('days', 'month_end_date', per='month_end_date') }}
