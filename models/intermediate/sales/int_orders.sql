-- Grain: one order, of the lines up to the as-of date.
-- Its date is its earliest sale line's; a return's own for an order with only returns. Who is not known yet is nobody.
-- Lies beside the marts: of this table publishing makes fct_orders.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed', database='warehouse', schema='core',
    meta={'changed': {'int_changed_orders': ['source_system', 'order_id'], 'int_changed_customers': ['customer_key']}}
) }}
{%- set changed_orders = ref('int_changed_orders') %}
{%- set changed_customers = ref('int_changed_customers') %}
{%- set amounts = ['quantity', 'gross_sales_amount', 'discount_amount', 'coupon_discount_amount', 'return_amount', 'net_sales_amount',
                   'cost_amount', 'margin_amount'] %}
{%- set never_returned = ['discount_amount', 'coupon_discount_amount'] %}
{%- set of_sales = ['ordered_at', 'order_date', 'store_id', 'channel', 'payment_method'] + never_returned %}
{%- set added_up = ['source_system', 'order_id', 'customer_key', 'ordered_at', 'order_date', 'store_id', 'channel', 'payment_method',
                    'line_count', 'is_return_only'] + amounts %}
with

persons as (
    select * from {{ ref('int_persons') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

lines as (
    select
        order_lines.source_system,
        order_lines.order_id,
        case when order_lines.is_known_customer then order_lines.customer_key end as customer_key,
        order_lines.ordered_at,
        order_lines.order_date,
        order_lines.store_id,
        order_lines.channel,
        order_lines.payment_method,
        order_lines.is_return,
        order_lines.quantity,
        order_lines.gross_sales_amount,
        order_lines.discount_amount,
        order_lines.coupon_discount_amount,
        order_lines.return_amount,
        order_lines.net_sales_amount,
        order_lines.cost_amount,
        order_lines.margin_amount
    from {{ ref('int_order_lines') }} as order_lines
    {%- if is_incremental_run() %}
    inner join (select distinct source_system, order_id from {{ changed_orders }}) as changed_orders
        on
            order_lines.source_system = changed_orders.source_system
            and order_lines.order_id = changed_orders.order_id
    {%- endif %}
    where order_lines.order_date <= {{ as_of_date() }}
),

-- What lines of sales say and what returned ones do, apart: a condition on each aggregate takes a fifth longer, and the few
-- returns matter only to orders that have nothing else.
told as (
    select
        {%- for column in of_sales %}
        case when not is_return then {{ column }} end as sale_{{ column }},
        {%- if column not in never_returned %}
        case when is_return then {{ column }} end as return_{{ column }},
        {%- endif %}
        {%- endfor %}
        *
    from lines
),

added_up as (
    select
        source_system,
        order_id,
        max(customer_key) as customer_key,
        coalesce(min(sale_ordered_at), min(return_ordered_at)) as ordered_at,
        coalesce(min(sale_order_date), min(return_order_date)) as order_date,
        {%- for column in ['store_id', 'channel', 'payment_method'] %}
        {#- Of its sales: what was bought on the web stays so when it is brought back to a store. #}
        case
            when count(sale_order_date) = 0
                then case when min(return_{{ column }}) = max(return_{{ column }}) then min(return_{{ column }}) end
            when min(sale_{{ column }}) = max(sale_{{ column }}) then min(sale_{{ column }})
        end as {{ column }},
        {%- endfor %}
        count(*) as line_count,
        count(sale_order_date) = 0 as is_return_only,
        cast(sum(quantity) as decimal(18, 4)) as quantity,
        cast(sum(gross_sales_amount) as decimal(18, 4)) as gross_sales_amount,
        {%- for column in never_returned %}
        {#- Returned lines have none by definition, and tell nothing of the others. #}
        cast(case when count(sale_order_date) = 0 then 0 else sum(sale_{{ column }}) end as decimal(18, 4)) as {{ column }},
        {%- endfor %}
        cast(sum(return_amount) as decimal(18, 4)) as return_amount,
        cast(sum(net_sales_amount) as decimal(18, 4)) as net_sales_amount,
        cast({{ sum_if_all_known('cost_amount') }} as decimal(18, 4)) as cost_amount,
        cast({{ sum_if_all_known('margin_amount') }} as decimal(18, 4)) as margin_amount
    from told
    group by source_system, order_id
),

orders as (
    select * from added_up
    {%- if is_incremental_run() %}

    -- The place of every order of a customer may have moved.
    union all

    select
        built.{{ added_up | join(',\n        built.') }}
    from {{ this }} as built
    inner join {{ changed_customers }} as changed_customers
        on built.customer_key = changed_customers.customer_key
    left join {{ changed_orders }} as changed_orders
        on
            built.source_system = changed_orders.source_system
            and built.order_id = changed_orders.order_id
    where changed_orders.order_id is null
    {%- endif %}
),

-- Only purchases of known customers have a place in a sequence.
purchases as (
    select
        source_system,
        order_id,
        row_number() over (
            partition by customer_key
            order by order_date asc, ordered_at asc, source_system asc, order_id asc
        ) as order_number,
        lag(order_date) over (
            partition by customer_key
            order by order_date asc, ordered_at asc, source_system asc, order_id asc
        ) as previous_order_date
    from orders
    where customer_key is not null and not is_return_only
)

select
    orders.source_system,
    orders.order_id,
    persons.customer_id,
    orders.ordered_at,
    orders.order_date,
    cast(date_trunc('month', orders.order_date) as date) as order_month,
    orders.store_id,
    orders.channel,
    orders.line_count,
    {%- for amount in amounts %}
    orders.{{ amount }},
    {%- endfor %}
    purchases.order_number,
    cast({{ dbt.datediff('purchases.previous_order_date', 'orders.order_date', 'day') }} as integer)
        as days_since_previous_order,
    coalesce(purchases.order_number = 1, false) as is_first_order,
    orders.is_return_only,
    orders.customer_key,
    orders.payment_method,
    cast(extract(hour from {{ to_local('orders.ordered_at', 'source_systems.time_zone') }}) as integer) as order_hour
from orders
left join persons
    on orders.customer_key = persons.customer_key
left join purchases
    on
        orders.source_system = purchases.source_system
        and orders.order_id = purchases.order_id
left join source_systems
    on orders.source_system = source_systems.source_system
