-- Grain: one landed row of service_cases, of any source system.
{{ union_sources('service_cases') }}
