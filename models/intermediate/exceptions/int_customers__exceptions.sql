-- Grain: one landed row of customers that is not used as it is, with the reason.
{{ contract_exceptions('customers') }}
