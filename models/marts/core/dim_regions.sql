-- Grain: one city, or one region as a whole (city NULL).
-- Notes on regions are free text and stay in the build.
with

regions as (
    {{ settled_rows('regions') }}
)

select
    country,
    region,
    city,
    population,
    income_index,
    climate
from regions
qualify row_number() over (
    partition by country, region, city
    order by source_system asc
) = 1
