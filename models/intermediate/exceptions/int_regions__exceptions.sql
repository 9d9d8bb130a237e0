-- Grain: one landed row of regions that is not used as it is, with the reason.
{{ contract_exceptions('regions') }}
