-- Grain: one product that tells its department, category or brand, with a number for each and for the three together.
-- Millions of lines are grouped by these numbers: texts take twice as long. Those of levels follow names; that of the three is
-- the same for the same names whatever other products there are, for rows that are kept by it.
with

products as (
    select * from {{ ref('int_products') }}
)

select
    product_id,
    {#- Each name with its length before it: no two kinds are written the same. #}
    {{ integer_key(pseudonym("coalesce(length(department) || ':' || department, '') || '|' || coalesce(length(category) || ':' || category, '')"
                             ~ " || '|' || coalesce(length(brand) || ':' || brand, '')")) }} as kind_number
    {%- for level in ['department', 'category', 'brand'] %},
    case when {{ level }} is not null then dense_rank() over (order by {{ level }} asc) end as {{ level }}_number
    {%- endfor %},
    department,
    category,
    brand
from products
where coalesce(department, category, brand) is not null
