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

-- For tiers the same.
tiers as (
    select
        pyramid_tier,
        row_number() over (order by pyramid_tier asc) as tier_number
    from (select distinct tiered.pyramid_tier from tiered) as told_tiers
),

customers as (
    select
        tiered.*,
        tiers.tier_number
    from tiered
    inner join tiers
        on tiered.pyramid_tier = tiers.pyramid_tier
),

lines as {{ inlined() }} (
    select
        order_lines.source_system,
        order_lines.order_id,
        order_lines.order_month,
        order_lines.channel,
        order_lines.store_id,
        order_lines.payment_method,
        order_lines.is_return,
        order_lines.gross_sales_amount,
        order_lines.discount_amount,
        order_lines.coupon_discount_amount,
        order_lines.net_sales_amount,
        order_lines.margin_amount,
        products.category_number,
        customers.customer_key,
        customers.is_member,
        customers.tier_number,
        coalesce(customers.pyramid_tier, 'anonymous') as pyramid_tier
    from {{ ref('int_order_lines') }} as order_lines
    left join products
        on order_lines.product_id = products.product_id
    left join customers
        on order_lines.customer_key = customers.customer_key
    where order_lines.order_date <= {{ as_of_date() }}
),

summed as (
    select
        order_month,
        channel,
        store_id,
        category_number,
        pyramid_tier,
        {%- for name, added in sums.items() %}
        sum({{ added }}) as {{ name }},
        {%- endfor %}
        sum(margin_amount) as margin_amount,
        count(*) - count(margin_amount) as unknown_margin_count,
        count(discount_amount) filter (where not is_return) + count(coupon_discount_amount) filter (where not is_return) as discount_count,
        count(coupon_discount_amount) filter (where not is_return) as coupon_count
    from lines
    group by order_month, channel, store_id, category_number, pyramid_tier
),

-- One row an order and cell, then one a customer: counting distinct over lines would take as long as all the rest.
orders as (
    select
        order_month,
        channel,
        store_id,
        category_number,
        tier_number,
        source_system,
        order_id,
        customer_key,
        max(case when is_return then 0 else 1 end) as is_purchase
    from lines
    group by order_month, channel, store_id, category_number, tier_number, customer_key, source_system, order_id
),

buyers as (
    select
        order_month,
        channel,
        store_id,
        category_number,
        tier_number,
        customer_key,
        sum(is_purchase) as order_count
    from orders
    group by order_month, channel, store_id, category_number, tier_number, customer_key
),

counted as (
    select
        buyers.order_month,
        buyers.channel,
        buyers.store_id,
        buyers.category_number,
        coalesce(tiers.pyramid_tier, 'anonymous') as pyramid_tier,
        sum(buyers.order_count) as order_count,
        count(buyers.customer_key) as customer_count
    from buyers
    left join tiers
        on buyers.tier_number = tiers.tier_number
    group by buyers.order_month, buyers.channel, buyers.store_id, buyers.category_number, coalesce(tiers.pyramid_tier, 'anonymous')
),

-- Sums and counts of a cell meet by grouping once more: joins lose what is NULL.
stacked as (
    select
        order_month,
        channel,
        store_id,
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
        order_month,
        channel,
        store_id,
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
        order_month,
        channel,
        store_id,
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
    group by order_month, channel, store_id, category_number, pyramid_tier
),

-- Where no source tells of members or coupons at all, their share is unknown and not 0.
members as (
    select count(is_member) > 0 as has_members
    from customers
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
    cells.order_month,
    cells.channel,
    cells.store_id,
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
cross join told
left join categories
    on cells.category_number = categories.category_number
