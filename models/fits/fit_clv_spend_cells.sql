-- Grain: customers of a segment with as many repeats and the same spend on them, to half a per cent, counted.
with

customers as (
    select
        clv_segment,
        repeat_count,
        cast(repeat_sales_amount as double) as repeat_sales_amount
    from {{ ref('fit_clv_customers') }}
    where
        repeat_count > 0
        and repeat_sales_amount > 0
),

bins as (
    select case when count(*) > {{ var('clv_exact_customers') }} then {{ var('clv_spend_bins') }} else 1000000 end as bin_count
    from customers
)

select
    customers.clv_segment,
    customers.repeat_count,
    cast(floor(ln(customers.repeat_sales_amount) * bins.bin_count) as bigint) as spend_bin,
    count(*) as customer_count,
    cast(sum(cast(customers.repeat_sales_amount as decimal(18, 4))) as decimal(18, 4)) as repeat_sales_amount
from customers
cross join bins
group by customers.clv_segment, customers.repeat_count, spend_bin
