-- Grain: one exchange rate that differs from the build's, as it is now and as it was. Empty where everything is built anew.
{{ changed_since_built('select currency, rate_date, rate from ' ~ ref('int_exchange_rates'), built='int_built_rates',
                       columns=['currency', 'rate_date', 'rate']) }}
