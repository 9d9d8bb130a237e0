-- Grain: one booking on a customer's points or stored-value account, of all history.
-- Lies beside the marts: of this table publishing makes fct_loyalty_transactions.
{{ config(
    materialized='incremental', incremental_strategy='replace_changed', database='warehouse', schema='core',
    meta={'changed': {'int_changed_loyalty_transactions': ['_file_id', '_file_row']}}
) }}
{%- set changed = ref('int_changed_loyalty_transactions') %}
with

bookings as (
    {{ settled_rows('loyalty_transactions', changed=changed) }}
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
    bookings._file_id,
    bookings._file_row,
    identity.customer_key
from bookings
inner join identity
    on
        bookings.source_system = identity.source_system
        and bookings.customer_id = identity.source_customer_id
