-- Grain: one session in the web shop or app, by the as-of date. Publishing makes a table of it: `stored_as`.
{{ config(materialized='view') }}
select
    source_system,
    session_id,
    visitor_id,
    customer_id,
    started_at,
    session_date,
    duration_seconds,
    page_view_count,
    product_view_count,
    cart_count,
    source,
    medium,
    campaign_id,
    device,
    order_id
from {{ ref('int_web_sessions') }}
where session_date <= {{ as_of_date() }}
