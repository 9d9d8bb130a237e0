-- Fails if a customer with an order has no first order, or two, or one on another day than dim_customers says.
with

first_orders as (
    select
        customer_id,
        count(*) as first_order_count,
        min(order_date) as first_order_date
    from {{ ref('fct_orders') }}
    where is_first_order
    group by customer_id
)

select
    customers.customer_id,
    customers.first_order_date,
    first_orders.first_order_count
from {{ ref('dim_customers') }} as customers
left join first_orders
    on customers.customer_id = first_orders.customer_id
where
    not customers.is_prospect
    and (
        coalesce(first_orders.first_order_count, 0) <> 1
        or customers.first_order_date <> first_orders.first_order_date
    )
