-- Grain: one customer number of one source system, whose it was for the build's order lines, and whether they were known.
{{ after_all_is_made() }}
{{ customers_as_known() }}
