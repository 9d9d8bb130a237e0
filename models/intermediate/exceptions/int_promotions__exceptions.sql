-- Grain: one landed row of promotions that is not used as it is, with the reason.
{{ contract_exceptions('promotions') }}
