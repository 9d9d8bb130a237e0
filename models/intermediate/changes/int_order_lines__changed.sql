-- Grain: one accepted order line of an order that has to be made again; every accepted line where all is built anew.
{{ config(materialized='narrowed') }}
with

accepted as (
    {{ accepted_rows('order_lines') }}
)

select accepted.*
from accepted
{{ only_changed_orders('accepted') }}
