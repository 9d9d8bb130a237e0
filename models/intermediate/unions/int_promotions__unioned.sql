-- Grain: one landed row of promotions, of any source system.
{{ union_sources('promotions') }}
