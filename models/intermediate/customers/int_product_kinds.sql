-- Grain: one product that tells its department, category or brand, with a number for each, in the order of names.
-- Millions of lines are grouped by these numbers: texts take twice as long.
with

products as (
    select * from {{ ref('int_products') }}
)

select
    product_id
    {%- for level in ['department', 'category', 'brand'] %},
    case when {{ level }} is not null then dense_rank() over (order by {{ level }} asc) end as {{ level }}_number
    {%- endfor %},
    department,
    category,
    brand
from products
where coalesce(department, category, brand) is not null
