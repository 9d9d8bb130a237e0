-- Grain: one store.
-- A source system without any store record gets its stores from its order lines, so that BI joins lose no sale.
with

settled as (
    {{ settled_rows('stores') }}
),

lines as (
    {{ accepted_rows('order_lines') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

recorded as (
    select
        id_scope,
        {{ scoped_id('store_id', 'id_scope') }} as store_id,
        name,
        city,
        region,
        country,
        format,
        opened_date,
        floor_area_sqm
    from settled
    qualify row_number() over (
        partition by id_scope, store_id
        order by source_system asc
    ) = 1
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
        store_id,
        min(ordered_at) as ordered_at
    from lines
    where store_id is not null
    group by source_system, store_id
),

seen as (
    select distinct
        scopes_without_records.id_scope,
        {{ scoped_id('first_seen.store_id', 'scopes_without_records.id_scope') }} as store_id
    from first_seen
    inner join scopes_without_records
        on first_seen.source_system = scopes_without_records.source_system
    where {{ is_local_by('first_seen.ordered_at', 'scopes_without_records.time_zone', as_of_date()) }}
)

select
    id_scope,
    store_id,
    name,
    city,
    region,
    country,
    format,
    opened_date,
    floor_area_sqm,
    'store_record' as store_basis
from recorded

union all

select
    id_scope,
    store_id,
    cast(null as varchar) as name,
    cast(null as varchar) as city,
    cast(null as varchar) as region,
    cast(null as varchar) as country,
    cast(null as varchar) as format,
    cast(null as date) as opened_date,
    cast(null as decimal(18, 4)) as floor_area_sqm,
    'order_lines' as store_basis
from seen
