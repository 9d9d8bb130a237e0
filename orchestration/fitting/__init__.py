"""One module per fit: from tables to tables. Statistics are in regulars/fits and regulars/lifetime_value."""
