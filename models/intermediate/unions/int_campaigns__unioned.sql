-- Grain: one landed row of campaigns, of any source system.
{{ union_sources('campaigns') }}
