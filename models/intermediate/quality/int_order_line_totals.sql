-- Grain: one landed content of order lines, added up as the contract's columns tell them, before any model touched them.
-- What reconciliation holds the lines against: nothing here is read from the models that it checks.
with

incoming as (
    select * from {{ ref('int_order_lines__unioned') }}
),

exceptional as (
    select * from {{ ref('int_order_lines__exceptions') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

cancelled_statuses as (
    select * from {{ source('control', 'cancelled_statuses') }}
),

run as (
    select * from {{ source('control', 'run') }}
),

rates as (
    select * from {{ ref('int_exchange_rates') }}
),

told as (
    select
        incoming.source_system,
        incoming._file_id,
        incoming.quantity,
        incoming.discount_amount,
        incoming.coupon_discount_amount,
        incoming.net_sales_amount,
        incoming.ordered_at,
        source_systems.time_zone,
        exceptional._file_row is not null as is_exceptional,
        exceptional._file_row is null and cancelled_statuses.status is not null as is_cancelled,
        coalesce(incoming.is_return, false) or incoming.quantity < 0 as is_returned,
        nullif(coalesce(incoming.currency, source_systems.currency), run.reporting_currency) as foreign_currency,
        coalesce(
            incoming.gross_sales_amount, {{ product('incoming.unit_price', 'incoming.quantity') }}
        ) as list_amount,
        coalesce(incoming.discount_amount, 0) + coalesce(incoming.coupon_discount_amount, 0) as reduction_amount
    from incoming
    inner join source_systems
        on incoming.source_system = source_systems.source_system
    cross join run
    left join exceptional
        on
            incoming._file_id = exceptional._file_id
            and incoming._file_row = exceptional._file_row
    left join cancelled_statuses
        on
            incoming.source_system = cancelled_statuses.source_system
            and incoming.status = cancelled_statuses.status
),

signed as (
    select
        *,
        case when is_returned then -abs(quantity) else quantity end as signed_quantity,
        case
            when is_returned then -abs(coalesce(net_sales_amount, abs(list_amount) - abs(reduction_amount)))
            else coalesce(net_sales_amount, list_amount - reduction_amount)
        end as net_amount,
        case when is_returned then 0 else coalesce(list_amount, net_sales_amount + reduction_amount) end as gross_amount,
        -- What a source's gross tells beyond its net and reductions is rounding, or a discount that it does not show.
        case when not is_returned then list_amount - net_sales_amount - reduction_amount end as gap_amount
    from told
),

gaps as (
    select
        *,
        coalesce(
            discount_amount is null
            and gap_amount > greatest({{ var('amount_tolerance') }}, {{ var('amount_tolerance_rate') }} * abs(list_amount)),
            false
        ) as has_hidden_discount
    from signed
),

parts as (
    select
        *,
        case when has_hidden_discount then 0 else coalesce(gap_amount, 0) end as rounding_amount,
        case when has_hidden_discount then gap_amount else discount_amount end as shown_amount
    from gaps
),

-- Lines that were converted have the local day that their rate is of; the others have none.
rated as (
    select
        *,
        case
            when foreign_currency is not null and not is_exceptional and not is_cancelled
                then {{ local_date('ordered_at', 'time_zone') }}
        end as rate_date
    from parts
),

-- Lines without a rate have no amount in order lines (those after the as-of date may lack one): all of it is explained.
converted as (
    select
        rated.*,
        case
            when rated.rate_date is not null
                then rated.net_amount - coalesce({{ product('rated.net_amount', 'rates.rate', factor_digits=8) }}, 0)
        end as converted_net_amount,
        case
            when rated.rate_date is not null and rated.is_returned then 0
            when rated.rate_date is not null
                then
                    rated.gross_amount - rated.rounding_amount
                    - coalesce({{ product('rated.net_amount', 'rates.rate', factor_digits=8) }}, 0)
                    - coalesce({{ product('rated.shown_amount', 'rates.rate', factor_digits=8) }}, 0)
                    - coalesce({{ product('rated.coupon_discount_amount', 'rates.rate', factor_digits=8) }}, 0)
        end as converted_gross_amount
    from rated
    left join rates
        on
            rated.foreign_currency = rates.currency
            and rated.rate_date = rates.rate_date
),

-- By what became of lines first: each sum with a condition of its own takes twice as long.
added_up as (
    select
        source_system,
        _file_id,
        is_exceptional,
        is_cancelled,
        count(*) as row_count,
        sum(signed_quantity) as quantity,
        sum(gross_amount) as gross_amount,
        sum(net_amount) as net_amount,
        sum(rounding_amount) as rounding_amount,
        sum(converted_net_amount) as converted_net_amount,
        sum(converted_gross_amount) as converted_gross_amount
    from converted
    group by source_system, _file_id, is_exceptional, is_cancelled
)

select
    source_system,
    _file_id,
    {%- for part, condition in {'landed': 'true', 'exceptional': 'is_exceptional', 'cancelled': 'is_cancelled'}.items() %}
    cast(coalesce(sum(row_count) filter (where {{ condition }}), 0) as bigint) as {{ part }}_row_count,
    {%- for measure in ['quantity', 'gross_amount', 'net_amount'] %}
    coalesce(sum({{ measure }}) filter (where {{ condition }}), 0) as {{ part }}_{{ measure }},
    {%- endfor %}
    {%- endfor %}
    coalesce(sum(rounding_amount) filter (where not is_exceptional and not is_cancelled), 0) as rounding_amount,
    coalesce(sum(converted_net_amount), 0) as converted_net_amount,
    coalesce(sum(converted_gross_amount), 0) as converted_gross_amount
from added_up
group by source_system, _file_id
