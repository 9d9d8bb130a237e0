-- Grain: one landed row of exchange_rates, of any source system.
{{ union_sources('exchange_rates') }}
