-- Grain: one order line that counts, of all history, with its person and its margin.
-- Lies beside the marts: of this table publishing makes fct_order_lines, and so a line is written once.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed', database='warehouse', schema='core',
    meta={'changed': {'int_changed_orders': ['source_system', 'order_id']}}
) }}
{%- set changed_orders = ref('int_changed_orders') %}
{%- set default_rate = 'cast(' ~ ('null' if var('default_margin_rate') is none else var('default_margin_rate')) ~ ' as decimal(18, 4))' %}
with

lines as (
    select * from {{ ref('int_order_lines__valued') }}
),

-- Who is not known yet by the as-of date has a key, by which it is found when they are, and no published id.
identity as (
    select
        numbers.source_system,
        numbers.source_customer_id,
        numbers.customer_key,
        persons.customer_id
    from {{ ref('int_customer_identity') }} as numbers
    left join {{ ref('int_persons') }} as persons
        on numbers.customer_key = persons.customer_key
),

margin_rates as (
    select * from {{ ref('margin_rates') }}
),

rates as (
    select * from {{ ref('int_exchange_rates') }}
),

-- Only products that tell something about cost: joining the others would move every line for nothing.
costed_products as (
    select
        products.product_id,
        products.landed_unit_cost_amount,
        products.foreign_currency,
        products.margin_rate,
        margin_rates.margin_rate as category_margin_rate
    from {{ ref('int_products') }} as products
    left join margin_rates
        on products.category = margin_rates.category
    where
        products.landed_unit_cost_amount is not null
        or products.margin_rate is not null
        or margin_rates.margin_rate is not null
),

costed as (
    select
        lines.*,
        identity.customer_key,
        identity.customer_id,
        {{ in_reporting_currency('costed_products.landed_unit_cost_amount', 'costed_products.foreign_currency', 'rates.rate') }}
            as product_unit_cost_amount,
        costed_products.margin_rate as product_margin_rate,
        costed_products.category_margin_rate
    from lines
    left join identity
        on
            lines.source_system = identity.source_system
            and lines.source_customer_id = identity.source_customer_id
    left join costed_products
        on lines.product_id = costed_products.product_id
    left join rates
        on
            costed_products.foreign_currency = rates.currency
            and lines.order_date = rates.rate_date
),

based as (
    select
        *,
        case
            when line_cost_amount is not null then 'actual'
            when product_unit_cost_amount is not null then 'product_cost'
            when product_margin_rate is not null then 'product_rate'
            when category_margin_rate is not null then 'category_rate'
            {%- if var('default_margin_rate') is not none %}
            when true then 'default_rate'
            {%- endif %}
            else 'unknown'
        end as margin_basis,
        coalesce(
            line_cost_amount,
            {{ product('product_unit_cost_amount', 'quantity') }},
            {{ product('net_sales_amount', '(1 - coalesce(product_margin_rate, category_margin_rate, ' ~ default_rate ~ '))') }}
        ) as cost_amount
    from costed
)

select
    source_system,
    order_id,
    line_number,
    ordered_at,
    order_date,
    order_month,
    customer_id,
    product_id,
    store_id,
    channel,
    payment_method,
    quantity,
    gross_sales_amount,
    discount_amount,
    coupon_discount_amount,
    return_amount,
    net_sales_amount,
    cost_amount,
    cast(net_sales_amount - cost_amount as decimal(18, 4)) as margin_amount,
    margin_basis,
    is_return,
    return_of_order_id,
    _file_id,
    customer_key,
    customer_id is not null as is_known_customer,
    foreign_currency
from based
