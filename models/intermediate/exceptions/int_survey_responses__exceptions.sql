-- Grain: one landed row of survey_responses that is not used as it is, with the reason.
{{ contract_exceptions('survey_responses') }}
