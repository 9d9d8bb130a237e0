-- Grain: one landed row of marketing_costs, of any source system.
{{ union_sources('marketing_costs') }}
