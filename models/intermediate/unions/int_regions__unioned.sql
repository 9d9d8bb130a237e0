-- Grain: one landed row of regions, of any source system.
{{ union_sources('regions') }}
