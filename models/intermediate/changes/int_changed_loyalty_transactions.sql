-- Grain: one landed row of loyalty_transactions that came, went or is made of something else since the build was made.
{{ changed_rows('loyalty_transactions', built='int_loyalty_transactions', rate_day='transaction_date') }}
