-- Grain: one customer with an order: their purchase history, and the segment that their lifetime value is fitted in.
-- A table: what the fit aggregates in several ways and what scores are computed from.
{{ config(materialized='table') }}

select
    histories.*,
    customers.customer_id,
    {{ clv_segment() }} as clv_segment
from {{ ref('int_clv_histories') }} as histories
inner join {{ ref('int_persons') }} as persons
    on histories.customer_key = persons.customer_key
inner join {{ ref('dim_customers') }} as customers
    on persons.customer_id = customers.customer_id
left join {{ ref('int_first_orders') }} as first_orders
    on histories.customer_key = first_orders.customer_key
