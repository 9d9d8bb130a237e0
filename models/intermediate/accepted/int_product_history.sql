-- Grain: one version of one product (type 2).
-- A version holds from its updated_at until the next one's; without updated_at, from ever. Of source systems that share
-- product numbers and tell of the same moment, the first by name speaks.
{{ config(materialized='view') }}
with

settled as (
    {{ settled_rows('products', as_landed=['unit_cost_amount']) }}
),

versions as (
    select *
    from settled
    qualify row_number() over (
        partition by id_scope, product_id, updated_at
        order by source_system asc
    ) = 1
),

-- Days, not moments: source systems of one scope may lie in different zones.
dated as (
    select
        *,
        {{ local_date('updated_at', 'time_zone') }} as valid_from_date
    from versions
)

select
    id_scope,
    {{ scoped_id('product_id', 'id_scope') }} as product_id,
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
    margin_rate,
    landed_unit_cost_amount,
    foreign_currency,
    updated_at,
    valid_from_date,
    lead(valid_from_date) over (
        partition by id_scope, product_id
        order by valid_from_date asc nulls first, updated_at asc nulls first
    ) as valid_to_date
from dated
