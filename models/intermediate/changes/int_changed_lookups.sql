-- Grain: one product, day of an exchange rate, or person, of which something is known now that was not when the build was made, or the
-- other way round. Empty where everything is built anew.
{{ changed_since_built(current_lookups(), kinds=['product', 'rate', 'customer']) }}
