-- Grain: one landed row of customer_relations, of any source system.
{{ union_sources('customer_relations') }}
