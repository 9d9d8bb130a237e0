-- Grain: one order whose lines may differ from the build's, and one customer it was then; NULL where it was nobody's.
-- Because its landed rows changed, a product's cost, an exchange rate, whose a customer number is, or the as-of date.
{%- set landed = ref('int_changed_orders__landed') %}
{%- set lookups = ref('int_changed_lookups') %}
{%- set as_of = as_of_date() %}
with

run as (
    select * from {{ source('control', 'run') }}
),

landed as (
    select
        source_system,
        order_id
    from {{ landed }}
)
{%- if is_incremental_run() %},

built_lines as {{ inlined() }} (
    select
        source_system,
        order_id,
        customer_key,
        product_id,
        order_date
    from {{ as_built('int_order_lines') }}
),

changed_lookups as (
    select
        kind,
        key
    from {{ lookups }}
),

as_of_dates as (
    select
        least(cast(key as date), {{ as_of }}) as first_date,
        greatest(cast(key as date), {{ as_of }}) as last_date
    from {{ as_built('int_state') }}
    where kind = 'as_of_date'
),

changed as (
    select
        source_system,
        order_id
    from landed
    {%- for kind, column, type in [('product', 'product_id', 'varchar'), ('rate', 'order_date', 'date'), ('customer', 'customer_key', 'bigint')] %}

    union

    select
        source_system,
        order_id
    from built_lines
    where {{ column }} in (select cast(key as {{ type }}) from changed_lookups where kind = '{{ kind }}')
    {%- endfor %}

    union

    select
        built_lines.source_system,
        built_lines.order_id
    from built_lines
    inner join as_of_dates
        on
            built_lines.order_date > as_of_dates.first_date
            and built_lines.order_date <= as_of_dates.last_date
),

built_orders as (
    select distinct
        built_lines.source_system,
        built_lines.order_id,
        built_lines.customer_key
    from built_lines
    inner join changed
        on
            built_lines.source_system = changed.source_system
            and built_lines.order_id = changed.order_id
),

changed_before as (
    select
        changed.source_system,
        changed.order_id,
        built_orders.customer_key as customer_key_before
    from changed
    left join built_orders
        on
            changed.source_system = built_orders.source_system
            and changed.order_id = built_orders.order_id
    {{ or_unfinished(['source_system', 'order_id', 'customer_key_before']) }}
)
{%- else %},

changed_before as (
    select
        landed.source_system,
        landed.order_id,
        cast(null as bigint) as customer_key_before
    from landed
)
{%- endif %}

select distinct
    changed_before.source_system,
    changed_before.order_id,
    changed_before.customer_key_before,
    run.run_id
from changed_before
cross join run
