-- Grain: one customer number that is somebody else's than in the build, or known where it was not, or the other way round; as it is
-- now and as it was. Empty where everything is built anew.
{{ changed_since_built(customers_as_known(), built='int_built_customers',
                       columns=['source_system', 'source_customer_id', 'customer_key', 'is_known']) }}
