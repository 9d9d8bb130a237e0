-- Grain: one product of one basket.
select
    _file_id,
    _file_row,
    cast(basket_id as varchar) as order_id,
    transaction_timestamp as ordered_at,
    cast(household_id as varchar) as customer_id,
    cast(product_id as varchar) as product_id,
    cast(store_id as varchar) as store_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(
        cast(sales_value as decimal(18, 4)) + cast(retail_disc as decimal(18, 4)) + cast(coupon_match_disc as decimal(18, 4))
        as decimal(18, 4)
    ) as gross_sales_amount,
    cast(retail_disc as decimal(18, 4)) as discount_amount,
    cast(coupon_match_disc as decimal(18, 4)) as coupon_discount_amount,
    cast(sales_value as decimal(18, 4)) as net_sales_amount
from {{ source('complete_journey', 'transactions') }}
