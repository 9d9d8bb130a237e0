-- Grain: one landed row of customer_relations that is not used as it is, with the reason.
{{ contract_exceptions('customer_relations') }}
