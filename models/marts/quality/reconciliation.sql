-- Grain: one source system, one step between layers, one measure.
-- Each side is counted from the relation itself, so a join that loses or doubles rows shows here.
with

load_history as (
    select * from {{ ref('load_history') }}
),

landed as (
    select
        source_system,
        'landed files to accepted rows' as layer,
        'rows' as measure,
        sum(rows_in) as in_amount,
        sum(duplicates + superseded + quarantined) as explained_amount
    from load_history
    group by source_system
),

accepted_rows as (
    {%- for entity in contract_entities() %}
    {{ 'union all' if not loop.first }}
    select
        source_system,
        count(*) as row_count
    from ({{ accepted_rows(entity) }}) as accepted
    group by source_system
    {%- endfor %}
),

accepted as (
    select
        source_system,
        sum(row_count) as out_amount
    from accepted_rows
    group by source_system
),

accepted_lines as (
    {{ accepted_rows('order_lines') }}
),

counted_lines as (
    select
        source_system,
        count(*) as row_count
    from accepted_lines
    group by source_system
),

lines as (
    select
        source_system,
        count(*) as row_count,
        sum(quantity) as quantity,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(net_sales_amount) as net_sales_amount,
        count(*) filter (where order_date > {{ as_of_date() }}) as later_row_count,
        sum(quantity) filter (where order_date > {{ as_of_date() }}) as later_quantity,
        sum(gross_sales_amount) filter (where order_date > {{ as_of_date() }}) as later_gross_sales_amount,
        sum(net_sales_amount) filter (where order_date > {{ as_of_date() }}) as later_net_sales_amount
    from {{ ref('int_order_lines') }}
    group by source_system
),

cancelled as (
    select
        accepted_lines.source_system,
        count(*) as row_count
    from accepted_lines
    inner join {{ source('control', 'cancelled_statuses') }} as cancelled_statuses
        on
            accepted_lines.source_system = cancelled_statuses.source_system
            and accepted_lines.status = cancelled_statuses.status
    group by accepted_lines.source_system
),

fact_lines as (
    select
        source_system,
        count(*) as row_count,
        sum(quantity) as quantity,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(net_sales_amount) as net_sales_amount,
        sum(net_sales_amount) filter (where customer_id is null) as anonymous_net_sales_amount
    from {{ ref('fct_order_lines') }}
    group by source_system
),

fact_orders as (
    select
        source_system,
        sum(line_count) as row_count,
        sum(gross_sales_amount) as gross_sales_amount,
        sum(net_sales_amount) as net_sales_amount
    from {{ ref('fct_orders') }}
    group by source_system
),

customer_months as (
    select sum(net_sales_amount) as net_sales_amount
    from {{ ref('fct_customer_months') }}
),

steps as (
    select
        landed.source_system,
        landed.layer,
        landed.measure,
        landed.in_amount,
        coalesce(accepted.out_amount, 0) as out_amount,
        landed.explained_amount,
        'duplicates, superseded and quarantined rows' as explanation
    from landed
    left join accepted
        on landed.source_system = accepted.source_system

    union all

    select
        counted_lines.source_system,
        'accepted rows to order lines' as layer,
        'rows' as measure,
        counted_lines.row_count as in_amount,
        coalesce(lines.row_count, 0) as out_amount,
        coalesce(cancelled.row_count, 0) as explained_amount,
        'cancelled lines' as explanation
    from counted_lines
    left join lines
        on counted_lines.source_system = lines.source_system
    left join cancelled
        on counted_lines.source_system = cancelled.source_system
    {%- for measure in ['row_count', 'quantity', 'gross_sales_amount', 'net_sales_amount'] %}

    union all

    select
        lines.source_system,
        'order lines to fct_order_lines' as layer,
        '{{ 'rows' if measure == 'row_count' else measure }}' as measure,
        lines.{{ measure }} as in_amount,
        coalesce(fact_lines.{{ measure }}, 0) as out_amount,
        coalesce(lines.later_{{ measure }}, 0) as explained_amount,
        'lines after the as-of date' as explanation
    from lines
    left join fact_lines
        on lines.source_system = fact_lines.source_system
    {%- endfor %}
    {%- for measure in ['row_count', 'gross_sales_amount', 'net_sales_amount'] %}

    union all

    select
        fact_lines.source_system,
        'fct_order_lines to fct_orders' as layer,
        '{{ 'rows' if measure == 'row_count' else measure }}' as measure,
        fact_lines.{{ measure }} as in_amount,
        coalesce(fact_orders.{{ measure }}, 0) as out_amount,
        0 as explained_amount,
        'nothing' as explanation
    from fact_lines
    left join fact_orders
        on fact_lines.source_system = fact_orders.source_system
    {%- endfor %}

    union all

    select
        'all' as source_system,
        'fct_order_lines to fct_customer_months' as layer,
        'net_sales_amount' as measure,
        coalesce(sum(fact_lines.net_sales_amount), 0) as in_amount,
        coalesce(max(customer_months.net_sales_amount), 0) as out_amount,
        coalesce(sum(fact_lines.anonymous_net_sales_amount), 0) as explained_amount,
        'anonymous sales' as explanation
    from fact_lines
    cross join customer_months
)

select
    source_system,
    layer,
    measure,
    cast(in_amount as decimal(18, 4)) as in_amount,
    cast(out_amount as decimal(18, 4)) as out_amount,
    cast(explained_amount as decimal(18, 4)) as explained_amount,
    explanation,
    cast(in_amount - out_amount - explained_amount as decimal(18, 4)) as difference_amount
from steps
