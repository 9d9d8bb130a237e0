-- Grain: one landed row of coupon_redemptions that is not used as it is, with the reason.
{{ contract_exceptions('coupon_redemptions', references={'campaigns': ref('int_campaigns')}) }}
