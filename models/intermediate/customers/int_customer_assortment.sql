-- Grain: one customer and department, category and brand they bought in the trailing window; NULL where no product tells.
with

lines as (
    select order_lines.*
    from {{ ref('int_order_lines') }} as order_lines
    inner join {{ ref('int_persons') }} as persons
        on order_lines.customer_key = persons.customer_key
    where
        order_lines.order_date <= {{ as_of_date() }}
        and order_lines.order_date > {{ add_months(as_of_date(), -var('window_months')) }}
),

-- Lines are grouped by a number that stands for department, category and brand: three texts take twice as long.
products as (
    select
        product_id,
        department,
        category,
        brand,
        case
            when coalesce(department, category, brand) is not null
                then dense_rank() over (order by department asc, category asc, brand asc)
        end as kind_number
    from {{ ref('int_products') }}
),

kinds as (
    select distinct
        kind_number,
        department,
        category,
        brand
    from products
    where kind_number is not null
),

summed as (
    select
        lines.customer_key,
        products.kind_number,
        sum(lines.net_sales_amount) as net_sales_amount,
        sum(lines.gross_sales_amount) as gross_sales_amount,
        sum(case when lines.discount_amount > 0 or lines.coupon_discount_amount > 0 then lines.gross_sales_amount else 0 end)
            as reduced_gross_sales_amount
    from lines
    left join products
        on lines.product_id = products.product_id
    group by lines.customer_key, products.kind_number
)

select
    summed.customer_key,
    kinds.department,
    kinds.category,
    kinds.brand,
    cast(summed.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(summed.gross_sales_amount as decimal(18, 4)) as gross_sales_amount,
    cast(summed.reduced_gross_sales_amount as decimal(18, 4)) as reduced_gross_sales_amount
from summed
left join kinds
    on summed.kind_number = kinds.kind_number
