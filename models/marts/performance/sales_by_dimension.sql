-- Grain: one month, channel, store, category and value tier of today with order lines (NULL: not told).
-- All of history, money on each line's own day. An order with several categories counts once in each.
with

lines as (
    select
        order_lines.*,
        persons.customer_id
    from {{ ref('int_order_lines') }} as order_lines
    left join {{ ref('int_persons') }} as persons
        on order_lines.customer_key = persons.customer_key
    where order_lines.order_date <= {{ as_of_date() }}
),

products as (
    select
        product_id,
        category
    from {{ ref('int_products') }}
    where category is not null
),

tiers as (
    select
        customer_id,
        pyramid_tier
    from {{ ref('customer_pyramid') }}
    where period_type = 'trailing_12m'
),

members as (
    select
        customer_id,
        is_member
    from {{ ref('dim_customers') }}
    where is_member is not null
),

-- One row an order and category: counting distinct orders over lines would take a third of the whole.
parts as (
    select
        lines.source_system,
        lines.order_id,
        lines.order_month,
        lines.channel,
        lines.store_id,
        products.category,
        lines.customer_id,
        max(case when lines.is_return then 0 else 1 end) as is_purchase,
        sum(lines.gross_sales_amount) as gross_sales_amount,
        sum(coalesce(lines.discount_amount, 0) + coalesce(lines.coupon_discount_amount, 0)) as discount_amount,
        count(lines.discount_amount) filter (where not lines.is_return)
        + count(lines.coupon_discount_amount) filter (where not lines.is_return) as discount_count,
        sum(lines.net_sales_amount) as net_sales_amount,
        {{ sum_if_all_known('lines.margin_amount') }} as margin_amount,
        sum(case when lines.coupon_discount_amount > 0 then lines.net_sales_amount else 0 end) as coupon_net_sales_amount,
        count(lines.coupon_discount_amount) filter (where not lines.is_return) as coupon_count,
        sum(case when lines.payment_method in ('{{ var("card_payment_methods") | join("', '") }}') then lines.net_sales_amount else 0 end)
            as card_net_sales_amount,
        sum(case
            when lines.payment_method in ('{{ var("stored_value_payment_methods") | join("', '") }}') then lines.net_sales_amount
            else 0
        end) as stored_value_net_sales_amount,
        sum(case when lines.payment_method is not null then lines.net_sales_amount end) as told_payment_net_sales_amount,
        -- Shares are of sales before returns: what comes back by another way makes no share negative.
        sum(case when not lines.is_return then lines.net_sales_amount else 0 end) as sold_amount,
        sum(case when not lines.is_return and lines.coupon_discount_amount > 0 then lines.net_sales_amount else 0 end) as coupon_sold_amount,
        sum(case when not lines.is_return and lines.payment_method is not null then lines.net_sales_amount end) as told_payment_sold_amount,
        sum(case
            when not lines.is_return and lines.payment_method in ('{{ var("card_payment_methods") | join("', '") }}')
                then lines.net_sales_amount
            else 0
        end) as card_sold_amount,
        sum(case
            when not lines.is_return and lines.payment_method in ('{{ var("stored_value_payment_methods") | join("', '") }}')
                then lines.net_sales_amount
            else 0
        end) as stored_value_sold_amount
    from lines
    left join products
        on lines.product_id = products.product_id
    group by
        lines.source_system, lines.order_id, lines.order_month, lines.channel, lines.store_id, products.category, lines.customer_id
),

cells as (
    select
        parts.order_month,
        parts.channel,
        parts.store_id,
        parts.category,
        case when parts.customer_id is null then 'anonymous' else coalesce(tiers.pyramid_tier, 'none') end as pyramid_tier,
        sum(parts.is_purchase) as order_count,
        count(distinct parts.customer_id) as customer_count,
        sum(parts.gross_sales_amount) as gross_sales_amount,
        sum(parts.discount_amount) as discount_amount,
        sum(parts.discount_count) as discount_count,
        sum(parts.net_sales_amount) as net_sales_amount,
        {{ sum_if_all_known('parts.margin_amount') }} as margin_amount,
        sum(case when members.is_member then parts.net_sales_amount else 0 end) as member_net_sales_amount,
        sum(parts.coupon_net_sales_amount) as coupon_net_sales_amount,
        sum(parts.coupon_count) as coupon_count,
        sum(parts.card_net_sales_amount) as card_net_sales_amount,
        sum(parts.stored_value_net_sales_amount) as stored_value_net_sales_amount,
        sum(parts.told_payment_net_sales_amount) as told_payment_net_sales_amount,
        sum(parts.sold_amount) as sold_amount,
        sum(case when members.is_member then parts.sold_amount else 0 end) as member_sold_amount,
        sum(parts.coupon_sold_amount) as coupon_sold_amount,
        sum(parts.told_payment_sold_amount) as told_payment_sold_amount,
        sum(parts.card_sold_amount) as card_sold_amount,
        sum(parts.stored_value_sold_amount) as stored_value_sold_amount
    from parts
    left join tiers
        on parts.customer_id = tiers.customer_id
    left join members
        on parts.customer_id = members.customer_id
    group by
        parts.order_month, parts.channel, parts.store_id, parts.category,
        case when parts.customer_id is null then 'anonymous' else coalesce(tiers.pyramid_tier, 'none') end
),

-- Where no source tells of members or coupons at all, their share is unknown and not 0.
told as (
    select
        (select count(*) > 0 from members) as has_members,
        coalesce(sum(coupon_count) > 0, false) as has_coupons
    from cells
)

select
    {{ as_of_date() }} as as_of_date,
    cells.order_month,
    cells.channel,
    cells.store_id,
    cells.category,
    cells.pyramid_tier,
    cast(cells.order_count as bigint) as order_count,
    cells.customer_count,
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
