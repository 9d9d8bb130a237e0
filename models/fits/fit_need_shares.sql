-- Grain: one of a bounded sample of customers and a category they spend on; what common needs are found in.
-- Customers are sampled by their pseudonym, which is random and the same on every run.
with

shares as (
    select
        shares.*,
        persons.customer_id
    from {{ ref('int_customer_category_shares') }} as shares
    inner join {{ ref('int_persons') }} as persons
        on shares.customer_key = persons.customer_key
),

sampled as (
    select customer_key
    from shares
    group by customer_key, customer_id
    qualify row_number() over (order by customer_id asc) <= {{ var('need_sample_count') }}
)

select
    shares.customer_id,
    shares.category,
    shares.sales_share
from shares
inner join sampled
    on shares.customer_key = sampled.customer_key
