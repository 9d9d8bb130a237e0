-- Grain: one customer with an order: the common need that their spend comes nearest to.
{% set clusters = range(1, var('need_cluster_maximum') + 1) %}
with

buyers as (
    select
        persons.customer_key,
        persons.customer_id
    from {{ ref('int_customer_purchases') }} as purchases
    inner join {{ ref('int_persons') }} as persons
        on purchases.customer_key = persons.customer_key
    where purchases.order_count > 0
),

-- Decimals: sums are the same in whatever order they are taken, so that nobody changes cluster by rounding.
shares as (
    select
        customer_key,
        category,
        cast(sqrt(sales_share) as decimal(10, 9)) as root_share
    from {{ ref('int_customer_category_shares') }}
),

weights as (
    select
        {%- for cluster in clusters %}
        max(case when cluster_number = {{ cluster }} then weight end) as weight_{{ cluster }},
        {%- endfor %}
        category
    from {{ source('fits', 'need_weights') }}
    group by category
),

constants as (
    select * from weights
    where category is null
),

-- Summed by customer alone, then constants added: grouping by those too takes several times as long.
fits_of_customers as (
    select
        {%- for cluster in clusters %}
        sum(cast(shares.root_share as decimal(38, 9)) * weights.weight_{{ cluster }}) as fit_{{ cluster }},
        {%- endfor %}
        shares.customer_key
    from shares
    inner join weights
        on shares.category = weights.category
    group by shares.customer_key
),

nearness as (
    select
        {%- for cluster in clusters %}
        constants.weight_{{ cluster }} + fits_of_customers.fit_{{ cluster }} as nearness_{{ cluster }},
        {%- endfor %}
        fits_of_customers.customer_key
    from fits_of_customers
    cross join constants
),

-- Of equally near ones the larger.
placed as (
    select
        customer_key,
        case
            {%- for cluster in clusters %}
            when
                nearness_{{ cluster }} = greatest(
                    {%- for other in clusters %}
                    coalesce(nearness_{{ other }}, nearness_1),
                    {%- endfor %}
                    nearness_1
                )
                then {{ cluster }}
            {%- endfor %}
        end as cluster_number
    from nearness
)

select
    buyers.customer_id,
    {{ as_of_date() }} as as_of_date,
    coalesce(clusters.need_cluster, 'unknown') as need_cluster,
    clusters.category_1,
    clusters.category_2,
    clusters.category_3,
    case when clusters.need_cluster is not null then 'category_shares' else 'unknown' end as need_basis,
    clusters.silhouette as clustering_silhouette
from buyers
left join placed
    on buyers.customer_key = placed.customer_key
left join {{ source('fits', 'need_clusters') }} as clusters
    on placed.cluster_number = clusters.cluster_number
