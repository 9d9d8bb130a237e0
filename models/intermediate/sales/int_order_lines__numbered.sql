-- Grain: one accepted order line, numbered within its order.
-- Lines without a number are numbered by their content, so that the order of files and rows does not matter.
{{ config(materialized='view') }}
with

accepted as {{ inlined() }} (
    select * from {{ ref('int_order_lines__changed') }}
),

touched_orders as (
    select distinct
        source_system,
        order_id
    from accepted
    where line_number is null
),

-- A number for each order tells where to look: anonymous orders are many, those with a named line beside are few.
nameless_orders as (
    select distinct {{ quick_hash(['source_system', 'order_id']) }} as order_hash
    from accepted
    where customer_id is null
),

unnumbered as (
    select
        *,
        row_number() over (
            partition by source_system, order_id
            order by
                {{ every_other_column('order_lines', ['order_id', 'line_number']) }}
        ) as position_in_order
    from accepted
    where line_number is null
),

-- Orders that have lines with and without a number: the given numbers stay, the others follow.
given_numbers as (
    select
        accepted.source_system,
        accepted.order_id,
        max(accepted.line_number) as line_number
    from accepted
    inner join touched_orders
        on
            accepted.source_system = touched_orders.source_system
            and accepted.order_id = touched_orders.order_id
    where accepted.line_number is not null
    group by accepted.source_system, accepted.order_id
),

-- A line without a customer beside lines of one customer is that customer's.
named_orders as (
    select
        source_system,
        order_id,
        max(customer_id) as customer_id
    from accepted
    where
        customer_id is not null
        and {{ quick_hash(['source_system', 'order_id']) }} in (select nameless_orders.order_hash from nameless_orders)
    group by source_system, order_id
),

numbered as (
    select
        *,
        cast(null as bigint) as position_in_order
    from accepted
    where line_number is not null

    union all

    select * from unnumbered
)

select
    numbered.source_system,
    numbered._file_id,
    numbered.order_id,
    coalesce(
        numbered.line_number, coalesce(given_numbers.line_number, 0) + numbered.position_in_order
    ) as line_number,
    coalesce(numbered.customer_id, named_orders.customer_id) as source_customer_id,
    numbered.ordered_at,
    numbered.product_id,
    numbered.store_id,
    numbered.channel,
    numbered.quantity,
    numbered.unit_price,
    numbered.gross_sales_amount,
    numbered.net_sales_amount,
    numbered.discount_amount,
    numbered.coupon_discount_amount,
    numbered.tax_amount,
    numbered.unit_cost_amount,
    numbered.payment_method,
    numbered.currency,
    numbered.is_return,
    numbered.return_of_order_id,
    numbered.status
from numbered
left join given_numbers
    on
        numbered.source_system = given_numbers.source_system
        and numbered.order_id = given_numbers.order_id
left join named_orders
    on
        numbered.source_system = named_orders.source_system
        and numbered.order_id = named_orders.order_id
