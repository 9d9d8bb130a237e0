-- Grain: one landed row of order_lines that is not used as it is, with the reason.
{{ contract_exceptions('order_lines') }}
