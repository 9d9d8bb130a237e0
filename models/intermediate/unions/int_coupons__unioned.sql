-- Grain: one landed row of coupons, of any source system.
{{ union_sources('coupons') }}
