-- Grain: one product, as known on the as-of date.
-- A source system without any product record gets its products from its order lines; one with records is held to them.
with

lines as (
    {{ accepted_rows('order_lines') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

recorded as (
    select *
    from {{ ref('int_product_history') }}
    where {{ is_valid_on(as_of_date()) }}
),

scopes_without_records as (
    select
        source_systems.source_system,
        source_systems.id_scope,
        source_systems.time_zone
    from source_systems
    where source_systems.id_scope not in (select recorded.id_scope from recorded)
),

first_seen as (
    select
        source_system,
        product_id,
        product_name,
        min(ordered_at) as ordered_at
    from lines
    where product_id is not null
    group by source_system, product_id, product_name
),

seen as (
    select
        scopes_without_records.id_scope,
        {{ scoped_id('first_seen.product_id', 'scopes_without_records.id_scope') }} as product_id,
        max(first_seen.product_name) as name
    from first_seen
    inner join scopes_without_records
        on first_seen.source_system = scopes_without_records.source_system
    where {{ is_local_by('first_seen.ordered_at', 'scopes_without_records.time_zone', as_of_date()) }}
    group by scopes_without_records.id_scope, first_seen.product_id
)

select
    id_scope,
    product_id,
    name,
    department,
    category,
    subcategory,
    brand,
    is_private_label,
    supplier,
    package_size,
    list_price,
    unit_cost_amount,
    landed_unit_cost_amount,
    foreign_currency,
    margin_rate,
    'product_record' as product_basis
from recorded

union all

select
    id_scope,
    product_id,
    name,
    cast(null as varchar) as department,
    cast(null as varchar) as category,
    cast(null as varchar) as subcategory,
    cast(null as varchar) as brand,
    cast(null as boolean) as is_private_label,
    cast(null as varchar) as supplier,
    cast(null as varchar) as package_size,
    cast(null as decimal(18, 4)) as list_price,
    cast(null as decimal(18, 4)) as unit_cost_amount,
    cast(null as decimal(18, 4)) as landed_unit_cost_amount,
    cast(null as varchar) as foreign_currency,
    cast(null as decimal(18, 4)) as margin_rate,
    'order_lines' as product_basis
from seen
