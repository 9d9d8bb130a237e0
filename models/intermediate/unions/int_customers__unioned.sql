-- Grain: one landed row of customers, of any source system.
{{ union_sources('customers') }}
