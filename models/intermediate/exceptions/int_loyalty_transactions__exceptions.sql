-- Grain: one landed row of loyalty_transactions that is not used as it is, with the reason.
{{ contract_exceptions('loyalty_transactions') }}
