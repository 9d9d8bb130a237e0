-- Grain: one landed row of order_lines, of any source system.
{{ union_sources('order_lines') }}
