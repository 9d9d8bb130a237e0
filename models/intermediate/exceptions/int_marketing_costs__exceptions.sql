-- Grain: one landed row of marketing_costs that is not used as it is, with the reason.
{{ contract_exceptions('marketing_costs') }}
