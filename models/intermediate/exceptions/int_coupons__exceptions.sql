-- Grain: one landed row of coupons that is not used as it is, with the reason.
{{ contract_exceptions('coupons', references={'campaigns': ref('int_campaigns')}) }}
