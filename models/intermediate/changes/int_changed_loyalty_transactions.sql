-- Grain: one landed row of loyalty_transactions that came, went or has to be made again since the build was made.
{{ changed_rows('loyalty_transactions', built='int_loyalty_transactions', day='transaction_date') }}
