-- Grain: one landed row of survey_responses that came, went or has to be made again since the build was made.
{{ changed_rows('survey_responses', built='int_survey_responses', day='response_date') }}
