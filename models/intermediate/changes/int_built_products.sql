-- Grain: one product that tells something about cost, as the build's order lines were made with it.
{{ after_all_is_made() }}
select {{ built_product_columns() | join(', ') }}
from {{ ref('int_products') }}
