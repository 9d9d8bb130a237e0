-- Grain: one landed row of survey_responses, of any source system.
{{ union_sources('survey_responses') }}
