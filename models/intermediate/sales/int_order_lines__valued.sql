-- Grain: one order line that counts (not cancelled), with its local day and its amounts.
-- net = gross - discount - coupon - return, exactly; what a source leaves out follows from the rest.
-- Amounts are judged in the currency they came in and converted last; without a rate they are NULL, and a gate stops.
{{ config(materialized='view') }}
with

numbered as (
    select * from {{ ref('int_order_lines__numbered') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

run as (
    select * from {{ source('control', 'run') }}
),

exchange_rates as (
    select * from {{ ref('int_exchange_rates') }}
),

cancelled_statuses as (
    select * from {{ source('control', 'cancelled_statuses') }}
),

counted as (
    select
        numbered.*,
        source_systems.id_scope,
        nullif(coalesce(numbered.currency, source_systems.currency), run.reporting_currency) as foreign_currency,
        {{ local_date('numbered.ordered_at', 'source_systems.time_zone') }} as order_date,
        coalesce(numbered.is_return, false) or numbered.quantity < 0 as is_returned,
        coalesce(
            numbered.gross_sales_amount, {{ product('numbered.unit_price', 'numbered.quantity') }}
        ) as list_amount,
        coalesce(numbered.discount_amount, 0) + coalesce(numbered.coupon_discount_amount, 0) as reduction_amount
    from numbered
    inner join source_systems
        on numbered.source_system = source_systems.source_system
    cross join run
    left join cancelled_statuses
        on
            numbered.source_system = cancelled_statuses.source_system
            and numbered.status = cancelled_statuses.status
    where cancelled_statuses.status is null
),

valued as (
    select
        *,
        case
            when is_returned then abs(coalesce(net_sales_amount, abs(list_amount) - abs(reduction_amount)))
        end as returned_amount,
        case
            when not is_returned then coalesce(net_sales_amount, list_amount - reduction_amount)
        end as sold_amount,
        -- A list price above what was paid, beyond rounding, is a discount that the source does not show.
        case
            when
                discount_amount is null
                and list_amount - net_sales_amount - coalesce(coupon_discount_amount, 0)
                > greatest({{ var('amount_tolerance') }}, {{ var('amount_tolerance_rate') }} * abs(list_amount))
                then list_amount - net_sales_amount - coalesce(coupon_discount_amount, 0)
            else discount_amount
        end as shown_discount_amount
    from counted
),

converted as (
    select
        valued.*,
        {{ in_reporting_currency('valued.sold_amount', 'valued.foreign_currency', 'exchange_rates.rate') }} as sold_converted,
        {{ in_reporting_currency('valued.returned_amount', 'valued.foreign_currency', 'exchange_rates.rate') }}
            as returned_converted,
        {{ in_reporting_currency('valued.shown_discount_amount', 'valued.foreign_currency', 'exchange_rates.rate') }}
            as discount_converted,
        {{ in_reporting_currency('valued.coupon_discount_amount', 'valued.foreign_currency', 'exchange_rates.rate') }}
            as coupon_converted,
        {{ in_reporting_currency('valued.unit_cost_amount', 'valued.foreign_currency', 'exchange_rates.rate') }}
            as unit_cost_converted
    from valued
    left join exchange_rates
        on
            valued.foreign_currency = exchange_rates.currency
            and valued.order_date = exchange_rates.rate_date
)

select
    source_system,
    _file_id,
    order_id,
    line_number,
    source_customer_id,
    ordered_at,
    order_date,
    cast(date_trunc('month', order_date) as date) as order_month,
    {{ scoped_id('product_id', 'id_scope') }} as product_id,
    {{ scoped_id('store_id', 'id_scope') }} as store_id,
    channel,
    payment_method,
    is_returned as is_return,
    return_of_order_id,
    foreign_currency,
    cast(case when is_returned then -abs(quantity) else quantity end as decimal(18, 4)) as quantity,
    cast(
        case
            when is_returned then 0
            else sold_converted + coalesce(discount_converted, 0) + coalesce(coupon_converted, 0)
        end as decimal(18, 4)
    ) as gross_sales_amount,
    cast(case when is_returned then 0 else discount_converted end as decimal(18, 4)) as discount_amount,
    cast(case when is_returned then 0 else coupon_converted end as decimal(18, 4)) as coupon_discount_amount,
    cast(case when is_returned then returned_converted else 0 end as decimal(18, 4)) as return_amount,
    cast(case when is_returned then -returned_converted else sold_converted end as decimal(18, 4)) as net_sales_amount,
    case
        when is_returned then {{ product('unit_cost_converted', '-abs(quantity)') }}
        else {{ product('unit_cost_converted', 'quantity') }}
    end as line_cost_amount
from converted
