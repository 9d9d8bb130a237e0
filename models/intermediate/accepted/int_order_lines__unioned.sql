-- Grain: one landed row of order_lines, of any source system.
{{ config(materialized='view') }}
{{ union_sources('order_lines') }}
