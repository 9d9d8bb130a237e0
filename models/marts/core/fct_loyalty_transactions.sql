-- Grain: one booking on a customer's points or stored-value account, by the as-of date. Publishing makes a table of it: `stored_as`.
{{ config(materialized='view') }}
select
    source_system,
    transaction_id,
    customer_id,
    occurred_at,
    transaction_date,
    account,
    event,
    points,
    amount,
    order_id
from {{ ref('int_loyalty_transactions') }}
where transaction_date <= {{ as_of_date() }}
