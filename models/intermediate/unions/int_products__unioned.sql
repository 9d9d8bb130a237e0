-- Grain: one landed row of products, of any source system.
{{ union_sources('products') }}
