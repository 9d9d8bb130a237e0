-- Grain: one booking on a customer's points or stored-value account, of all history.
-- Lies beside the marts: of this table publishing makes fct_loyalty_transactions.
{{ config(database='warehouse', schema='core') }}
with

bookings as (
    {{ settled_rows('loyalty_transactions') }}
),

identity as (
    select * from {{ ref('int_customer_identity') }}
)

select
    bookings.source_system,
    bookings.transaction_id,
    identity.customer_id,
    bookings.occurred_at,
    {{ local_date('bookings.occurred_at', 'bookings.time_zone') }} as transaction_date,
    bookings.account,
    bookings.event,
    bookings.points,
    bookings.amount,
    bookings.order_id,
    identity.customer_key
from bookings
inner join identity
    on
        bookings.source_system = identity.source_system
        and bookings.customer_id = identity.source_customer_id
