-- Grain: one landed row of stores that is not used as it is, with the reason.
{{ contract_exceptions('stores') }}
