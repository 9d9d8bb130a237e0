-- Grain: one percentile of the customers with an order in the trailing window, best first.
-- Ranked by margin; by net sales where a margin is unknown (ranked_by says which).
with

purchases as (
    select
        persons.customer_id,
        purchases.window_net_sales_amount,
        purchases.window_margin_amount
    from {{ ref('int_customer_purchases') }} as purchases
    inner join {{ ref('int_persons') }} as persons
        on purchases.customer_key = persons.customer_key
    where purchases.window_order_count > 0
),

percentiles as (
    select number
    from ({{ whole_numbers(3) }}) as numbers
    where number between 1 and 100
),

totals as (
    select
        count(*) as customer_count,
        count(*) = count(window_margin_amount) as has_margins,
        sum(window_net_sales_amount) as net_sales_amount,
        {{ sum_if_all_known('window_margin_amount') }} as margin_amount
    from purchases
),

ranked as (
    select
        row_number() over (
            order by
                case when totals.has_margins then purchases.window_margin_amount else purchases.window_net_sales_amount end desc,
                purchases.customer_id asc
        ) as place,
        purchases.window_net_sales_amount,
        case when totals.has_margins then purchases.window_margin_amount end as window_margin_amount
    from purchases
    cross join totals
),

cumulated as (
    select
        place,
        sum(window_net_sales_amount) over (order by place asc rows between unbounded preceding and current row) as net_sales_amount,
        sum(window_margin_amount) over (order by place asc rows between unbounded preceding and current row) as margin_amount
    from ranked
)

select
    {{ as_of_date() }} as as_of_date,
    percentiles.number as percentile,
    case when totals.has_margins then 'margin' else 'net_sales' end as ranked_by,
    cumulated.place as customer_count,
    cast(cumulated.place as double) / totals.customer_count as cumulative_customer_share,
    cast(cumulated.net_sales_amount as decimal(18, 4)) as cumulative_net_sales_amount,
    cast(cumulated.net_sales_amount as double) / nullif(totals.net_sales_amount, 0) as cumulative_net_sales_share,
    cast(cumulated.margin_amount as decimal(18, 4)) as cumulative_margin_amount,
    cast(cumulated.margin_amount as double) / nullif(totals.margin_amount, 0) as cumulative_margin_share
from percentiles
cross join totals
inner join cumulated
    on cumulated.place = cast(ceil(percentiles.number * totals.customer_count / 100.0) as bigint)
