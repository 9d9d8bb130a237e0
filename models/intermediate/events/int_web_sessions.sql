-- Grain: one session in the web shop or app, of all history.
-- Lies beside the marts: of this table publishing makes fct_web_sessions.
{{ config(database='warehouse', schema='core') }}
with

sessions as (
    {{ settled_rows('web_sessions') }}
),

identity as (
    select * from {{ ref('int_customer_identity') }}
),

identity_key as (
    select * from {{ source('control', 'identity_key') }}
)

select
    sessions.source_system,
    sessions.session_id,
    {{ pseudonym("identity_key.secret || '|visitor|' || sessions.source_system || '|' || sessions.visitor_id") }} as visitor_id,
    identity.customer_id,
    sessions.started_at,
    {{ local_date('sessions.started_at', 'sessions.time_zone') }} as session_date,
    sessions.duration_seconds,
    sessions.page_view_count,
    sessions.product_view_count,
    sessions.cart_count,
    sessions.source,
    sessions.medium,
    {{ scoped_id('sessions.campaign_id', 'sessions.id_scope') }} as campaign_id,
    sessions.device,
    sessions.order_id,
    identity.customer_key
from sessions
cross join identity_key
left join identity
    on
        sessions.source_system = identity.source_system
        and sessions.customer_id = identity.source_customer_id
