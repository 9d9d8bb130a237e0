-- Grain: one month, channel, store, category and value tier of today with order lines (NULL: not told).
-- All of history, money on each line's own day. An order with several categories counts once in each.
{%- set card = "('" ~ var("card_payment_methods") | join("', '") ~ "')" %}
{%- set stored_value = "('" ~ var("stored_value_payment_methods") | join("', '") ~ "')" %}
{#- Sums over the lines of a cell: name and what is added up. Shares are of sales before returns (`sold`): what comes back by
    another way makes no share negative. -#}
{%- set sums = {
    'gross_sales_amount': 'gross_sales_amount',
    'discount_amount': 'coalesce(discount_amount, 0) + coalesce(coupon_discount_amount, 0)',
    'net_sales_amount': 'net_sales_amount',
    'member_net_sales_amount': 'case when is_member then net_sales_amount else 0 end',
    'coupon_net_sales_amount': 'case when coupon_discount_amount > 0 then net_sales_amount else 0 end',
    'card_net_sales_amount': 'case when payment_method in ' ~ card ~ ' then net_sales_amount else 0 end',
    'stored_value_net_sales_amount': 'case when payment_method in ' ~ stored_value ~ ' then net_sales_amount else 0 end',
    'told_payment_net_sales_amount': 'case when payment_method is not null then net_sales_amount end',
    'sold_amount': 'case when not is_return then net_sales_amount else 0 end',
    'member_sold_amount': 'case when not is_return and is_member then net_sales_amount else 0 end',
    'coupon_sold_amount': 'case when not is_return and coupon_discount_amount > 0 then net_sales_amount else 0 end',
    'told_payment_sold_amount': 'case when not is_return and payment_method is not null then net_sales_amount end',
    'card_sold_amount': 'case when not is_return and payment_method in ' ~ card ~ ' then net_sales_amount else 0 end',
    'stored_value_sold_amount': 'case when not is_return and payment_method in ' ~ stored_value ~ ' then net_sales_amount else 0 end',
} %}
with

-- Lines are grouped by a number that stands for the category: a text takes longer.
products as (
    select
        product_id,
        category_number
    from {{ ref('int_product_kinds') }}
    where category is not null
),

categories as (
    {{ numbered('category') }}
),

tiered as (
    select
        persons.customer_key,
        dim_customers.is_member,
        coalesce(pyramid.pyramid_tier, 'none') as pyramid_tier
    from {{ ref('int_persons') }} as persons
    inner join {{ ref('dim_customers') }} as dim_customers
        on persons.customer_id = dim_customers.customer_id
    left join {{ ref('customer_pyramid') }} as pyramid
        on
            persons.customer_id = pyramid.customer_id
            and pyramid.period_type = 'trailing_12m'
),

-- A number stands for the month, channel and store as well. One of them may be unknown, and that is a place of its own.
places as (
    select
        order_month,
        channel,
        store_id,
        row_number() over (order by order_month asc, channel asc, store_id asc) as place_number
    from (
        select distinct
            order_month,
            channel,
            store_id
        from {{ ref('int_order_lines') }}
    ) as told_places
),

lines as {{ inlined() }} (
    select
        order_lines.*,
        places.place_number,
        products.category_number
    from {{ ref('int_order_lines') }} as order_lines
    left join products
        on order_lines.product_id = products.product_id
    inner join places
        on
            order_lines.order_month = places.order_month
            and order_lines.channel is not distinct from places.channel
            and order_lines.store_id is not distinct from places.store_id
    where order_lines.order_date <= {{ as_of_date() }}
),

tiered_lines as {{ inlined() }} (
    select
        lines.*,
        tiered.is_member,
        coalesce(tiered.pyramid_tier, 'anonymous') as pyramid_tier
    from lines
    left join tiered
        on lines.customer_key = tiered.customer_key
),

summed as (
    select
        place_number,
        category_number,
        pyramid_tier,
        {%- for name, added in sums.items() %}
        sum({{ added }}) as {{ name }},
        {%- endfor %}
        sum(margin_amount) as margin_amount,
        count(*) - count(margin_amount) as unknown_margin_count,
        count(discount_amount) filter (where not is_return) + count(coupon_discount_amount) filter (where not is_return) as discount_count,
        count(coupon_discount_amount) filter (where not is_return) as coupon_count
    from tiered_lines
    group by place_number, category_number, pyramid_tier
),

-- One row an order and cell, then one a customer: counting distinct over lines would take as long as all the rest.
orders as (
    select
        place_number,
        category_number,
        source_system,
        order_id,
        customer_key,
        max(case when is_return then 0 else 1 end) as is_purchase
    from lines
    group by place_number, category_number, source_system, order_id, customer_key
),

buyers as (
    select
        place_number,
        category_number,
        customer_key,
        count(nullif(is_purchase, 0)) as order_count
    from orders
    group by place_number, category_number, customer_key
),

counted as (
    select
        buyers.place_number,
        buyers.category_number,
        coalesce(tiered.pyramid_tier, 'anonymous') as pyramid_tier,
        sum(buyers.order_count) as order_count,
        count(tiered.customer_key) as customer_count
    from buyers
    left join tiered
        on buyers.customer_key = tiered.customer_key
    group by buyers.place_number, buyers.category_number, coalesce(tiered.pyramid_tier, 'anonymous')
),

-- Sums and counts of a cell meet by grouping once more: joins lose what is NULL.
stacked as (
    select
        place_number,
        category_number,
        pyramid_tier,
        {%- for name in sums %}
        {{ name }},
        {%- endfor %}
        margin_amount,
        unknown_margin_count,
        discount_count,
        coupon_count,
        null as order_count,
        null as customer_count
    from summed
    union all
    select
        place_number,
        category_number,
        pyramid_tier,
        {%- for name in sums %}
        null as {{ name }},
        {%- endfor %}
        null as margin_amount,
        null as unknown_margin_count,
        null as discount_count,
        null as coupon_count,
        order_count,
        customer_count
    from counted
),

cells as (
    select
        place_number,
        category_number,
        pyramid_tier,
        {%- for name in sums %}
        max({{ name }}) as {{ name }},
        {%- endfor %}
        case when max(unknown_margin_count) = 0 then max(margin_amount) end as margin_amount,
        max(discount_count) as discount_count,
        max(coupon_count) as coupon_count,
        max(order_count) as order_count,
        max(customer_count) as customer_count
    from stacked
    group by place_number, category_number, pyramid_tier
),

-- Where no source tells of members or coupons at all, their share is unknown and not 0.
members as (
    select count(is_member) > 0 as has_members
    from tiered
),

told as (
    select
        members.has_members,
        coalesce(sum(cells.coupon_count) > 0, false) as has_coupons
    from cells
    cross join members
    group by members.has_members
)

select
    {{ as_of_date() }} as as_of_date,
    places.order_month,
    places.channel,
    places.store_id,
    categories.category,
    cells.pyramid_tier,
    cast(cells.order_count as bigint) as order_count,
    cast(cells.customer_count as bigint) as customer_count,
    cast(cells.gross_sales_amount as decimal(18, 4)) as gross_sales_amount,
    cast(cells.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(cells.margin_amount as decimal(18, 4)) as margin_amount,
    case when cells.discount_count > 0 then cast(cells.discount_amount as double) / nullif(cells.gross_sales_amount, 0) end
        as discount_share,
    cast(case when cells.pyramid_tier <> 'anonymous' then cells.net_sales_amount else 0 end as decimal(18, 4))
        as known_customer_net_sales_amount,
    cast(case when told.has_members then cells.member_net_sales_amount end as decimal(18, 4)) as member_net_sales_amount,
    cast(case when told.has_coupons then cells.coupon_net_sales_amount end as decimal(18, 4)) as coupon_net_sales_amount,
    cast(case when cells.told_payment_net_sales_amount is not null then cells.card_net_sales_amount end as decimal(18, 4))
        as card_net_sales_amount,
    cast(case when cells.told_payment_net_sales_amount is not null then cells.stored_value_net_sales_amount end as decimal(18, 4))
        as stored_value_net_sales_amount,
    case when told.has_members then cast(cells.member_sold_amount as double) / nullif(cells.sold_amount, 0) end
        as member_sales_share,
    case when told.has_coupons then cast(cells.coupon_sold_amount as double) / nullif(cells.sold_amount, 0) end
        as coupon_sales_share,
    cast(cells.card_sold_amount as double) / nullif(cells.told_payment_sold_amount, 0) as card_sales_share,
    cast(cells.stored_value_sold_amount as double) / nullif(cells.told_payment_sold_amount, 0) as stored_value_sales_share
from cells
inner join places
    on cells.place_number = places.place_number
cross join told
left join categories
    on cells.category_number = categories.category_number
