-- Grain: one landed row of stores, of any source system.
{{ union_sources('stores') }}
