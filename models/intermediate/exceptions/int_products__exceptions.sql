-- Grain: one landed row of products that is not used as it is, with the reason.
{{ contract_exceptions('products') }}
