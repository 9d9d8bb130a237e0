-- Grain: one product.
select
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
    margin_rate,
    product_basis
from {{ ref('int_products') }}
