-- Grain: one landed row of service_cases that is not used as it is, with the reason.
{{ contract_exceptions('service_cases') }}
