-- Grain: one currency and day for which an entity's amounts have no exchange rate.
-- A gate stops when this is not empty: amounts of different currencies are never added up.
with

rates as (
    select * from {{ ref('int_exchange_rates') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

unrated_lines as (
    select
        source_system,
        'order_lines' as entity,
        foreign_currency as currency,
        order_date as rate_date,
        count(*) as row_count
    from {{ ref('int_order_lines') }}
    where
        foreign_currency is not null
        and net_sales_amount is null
        and order_date <= {{ as_of_date() }}
    group by source_system, foreign_currency, order_date
),

-- A product's cost is converted on the day of each order, where the line does not tell its own.
unrated_costs as (
    select
        lines.source_system,
        'products' as entity,
        products.foreign_currency as currency,
        lines.order_date as rate_date,
        count(*) as row_count
    from {{ ref('int_order_lines') }} as lines
    inner join {{ ref('int_products') }} as products
        on lines.product_id = products.product_id
    left join rates
        on
            products.foreign_currency = rates.currency
            and lines.order_date = rates.rate_date
    where
        products.foreign_currency is not null
        and products.landed_unit_cost_amount is not null
        and lines.margin_basis <> 'actual'
        and rates.rate is null
        and lines.order_date <= {{ as_of_date() }}
    group by lines.source_system, products.foreign_currency, lines.order_date
),

needed as (
    {%- for entity in entities_with_money() %}
    {{ 'union all' if not loop.first }}
    select
        incoming.source_system,
        '{{ entity }}' as entity,
        source_systems.foreign_currency as currency,
        {{ money_day(entity) }} as rate_date,
        count(*) as row_count
    from ({{ accepted_rows(entity) }}) as incoming
    inner join source_systems
        on incoming.source_system = source_systems.source_system
    where
        source_systems.foreign_currency is not null
        and coalesce(null, {{ contract_columns(entity, having='money') | join(', ') if execute }}) is not null
    group by incoming.source_system, source_systems.foreign_currency, {{ money_day(entity) }}
    {%- endfor %}
),

missing as (
    select
        source_system,
        entity,
        currency,
        rate_date,
        row_count
    from unrated_lines

    union all

    select
        unrated_costs.source_system,
        unrated_costs.entity,
        unrated_costs.currency,
        unrated_costs.rate_date,
        unrated_costs.row_count
    from unrated_costs

    union all

    select
        needed.source_system,
        needed.entity,
        needed.currency,
        needed.rate_date,
        needed.row_count
    from needed
    left join rates
        on
            needed.currency = rates.currency
            and needed.rate_date = rates.rate_date
    where
        rates.rate is null
        and needed.rate_date <= {{ as_of_date() }}
)

select
    source_system,
    entity,
    currency,
    rate_date,
    sum(row_count) as row_count
from missing
group by source_system, entity, currency, rate_date
