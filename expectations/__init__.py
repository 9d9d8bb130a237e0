"""Great Expectations: suites and what runs them."""
