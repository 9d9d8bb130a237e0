-- Grain: one customer with an order: their purchase history as of today.
with

days as (
    select * from {{ ref('int_customer_days') }}
)

{{ purchase_histories('days', as_of_date()) }}
