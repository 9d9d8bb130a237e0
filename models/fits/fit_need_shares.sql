-- Grain: one of a bounded sample of customers and a category they spend on; what common needs are found in.
-- Customers are sampled by their pseudonym, which is random and the same on every run.
with

-- Of equally frequent categories the first by its name.
categories as (
    select category
    from {{ ref('int_customer_category_shares') }}
    group by category
    qualify row_number() over (order by count(*) desc, category asc) <= {{ var('need_category_count') }}
),

shares as (
    select category_shares.*
    from {{ ref('int_customer_category_shares') }} as category_shares
    inner join categories
        on category_shares.category = categories.category
),

spenders as (
    select distinct customer_key
    from shares
),

sampled as (
    select
        persons.customer_key,
        persons.customer_id
    from spenders
    inner join {{ ref('int_persons') }} as persons
        on spenders.customer_key = persons.customer_key
    order by persons.customer_id asc
    limit {{ var('need_sample_count') }}
)

select
    sampled.customer_id,
    shares.category,
    shares.sales_share
from shares
inner join sampled
    on shares.customer_key = sampled.customer_key
