-- Grain: one landed row of loyalty_transactions, of any source system.
{{ union_sources('loyalty_transactions') }}
