-- Grain: one landed row of campaigns that is not used as it is, with the reason.
{{ contract_exceptions('campaigns') }}
