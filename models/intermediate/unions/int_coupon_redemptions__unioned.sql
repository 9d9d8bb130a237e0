-- Grain: one landed row of coupon_redemptions, of any source system.
{{ union_sources('coupon_redemptions') }}
