-- Grain: one landed row of survey_responses that came, went or is made of something else since the build was made.
{{ changed_rows('survey_responses', built='int_survey_responses') }}
