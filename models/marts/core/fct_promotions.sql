-- Grain: one product on display or in the mailer of one store, from one moment on, begun by the as-of date.
-- ended_at is the plan, known when a promotion begins: it may lie ahead.
with

promotions as (
    {{ settled_rows('promotions') }}
)

select
    source_system,
    {{ scoped_id('product_id', 'id_scope') }} as product_id,
    {{ scoped_id('store_id', 'id_scope') }} as store_id,
    started_at,
    {{ local_date('started_at', 'time_zone') }} as start_date,
    ended_at,
    display,
    mailer
from promotions
where {{ is_local_by('started_at', 'time_zone', as_of_date()) }}
