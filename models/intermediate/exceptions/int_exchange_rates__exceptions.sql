-- Grain: one landed row of exchange_rates that is not used as it is, with the reason.
{{ contract_exceptions('exchange_rates') }}
