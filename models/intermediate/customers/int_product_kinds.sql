-- Grain: one product that tells its department, category or brand, with a number for each and for the three together.
-- Millions of lines are grouped by these numbers: texts take twice as long. Numbers follow names.
with

products as (
    select * from {{ ref('int_products') }}
)

select
    product_id,
    dense_rank() over (order by department asc, category asc, brand asc) as kind_number
    {%- for level in ['department', 'category', 'brand'] %},
    case when {{ level }} is not null then dense_rank() over (order by {{ level }} asc) end as {{ level }}_number
    {%- endfor %},
    department,
    category,
    brand
from products
where coalesce(department, category, brand) is not null
