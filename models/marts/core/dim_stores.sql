-- Grain: one store.
select
    store_id,
    name,
    city,
    region,
    country,
    format,
    opened_date,
    floor_area_sqm,
    store_basis
from {{ ref('int_stores') }}
