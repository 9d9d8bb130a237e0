-- Grain: one product.
select
    _file_id,
    _file_row,
    cast(product_id as varchar) as product_id,
    department,
    product_category as category,
    product_type as subcategory,
    brand = 'Private' as is_private_label,
    cast(manufacturer_id as varchar) as supplier,
    package_size
from {{ source('complete_journey', 'products') }}
