-- Grain: one source system, one step between layers, one measure.
-- Each side is counted from the relation itself, so a join that loses or doubles rows shows here.
{%- set events = {
    'coupon_redemptions': ('redeemed_at', 'fct_coupon_redemptions'),
    'promotions': ('started_at', 'fct_promotions'),
    'web_sessions': ('started_at', 'fct_web_sessions'),
    'survey_responses': ('responded_at', 'fct_survey_responses'),
    'service_cases': ('opened_at', 'fct_service_cases'),
    'loyalty_transactions': ('occurred_at', 'fct_loyalty_transactions'),
    'marketing_costs': ('cost_date', 'fct_marketing_costs'),
} %}
{%- set line_measures = {'rows': 'row_count', 'quantity': 'quantity', 'gross_sales_amount': 'gross_amount', 'net_sales_amount': 'net_amount'} %}
with

load_history as (
    select * from {{ ref('load_history') }}
),

totals as (
    select
        source_system,
        {%- for part in ['landed', 'exceptional', 'cancelled'] %}
        {%- for measure in line_measures.values() %}
        sum({{ part }}_{{ measure }}) as {{ part }}_{{ measure }},
        {%- endfor %}
        {%- endfor %}
        sum(rounding_amount) as rounding_amount,
        sum(converted_net_amount) as converted_net_amount,
        sum(converted_gross_amount) as converted_gross_amount
    from {{ ref('int_order_line_totals') }}
    group by source_system
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

landed as (
    select
        source_system,
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
    select
        source_system,
        count(*) as row_count,
        sum(case when coalesce(is_return, false) or quantity < 0 then -abs(quantity) else quantity end) as quantity
    from ({{ accepted_rows('order_lines') }}) as accepted
    group by source_system
),

lines as (
    select
        source_system,
        count(*) as row_count,
        sum(quantity) as quantity,
        sum(gross_sales_amount) as gross_amount,
        sum(net_sales_amount) as net_amount,
        count(*) filter (where order_date > {{ as_of_date() }}) as later_row_count,
        sum(quantity) filter (where order_date > {{ as_of_date() }}) as later_quantity,
        sum(gross_sales_amount) filter (where order_date > {{ as_of_date() }}) as later_gross_amount,
        sum(net_sales_amount) filter (where order_date > {{ as_of_date() }}) as later_net_amount
    from {{ ref('int_order_lines') }}
    group by source_system
),

fact_lines as (
    select
        source_system,
        count(*) as row_count,
        sum(quantity) as quantity,
        sum(gross_sales_amount) as gross_amount,
        sum(net_sales_amount) as net_amount,
        sum(net_sales_amount) filter (where customer_id is null) as anonymous_net_amount
    from {{ ref('fct_order_lines') }}
    group by source_system
),

fact_orders as (
    select
        source_system,
        sum(line_count) as row_count,
        sum(quantity) as quantity,
        sum(gross_sales_amount) as gross_amount,
        sum(net_sales_amount) as net_amount
    from {{ ref('fct_orders') }}
    group by source_system
),

customer_months as (
    select sum(net_sales_amount) as net_amount
    from {{ ref('fct_customer_months') }}
),
{%- for entity, (moment, fact) in events.items() %}

accepted_{{ entity }} as (
    select
        accepted.source_system,
        count(*) as row_count,
        count(*) filter (
            where {{
                'accepted.cost_date > ' ~ as_of_date() if moment == 'cost_date'
                else 'not ' ~ is_local_by('accepted.' ~ moment, 'source_systems.time_zone', as_of_date())
            }}
        ) as later_row_count
    from ({{ accepted_rows(entity) }}) as accepted
    inner join source_systems
        on accepted.source_system = source_systems.source_system
    group by accepted.source_system
),

{{ fact }} as (
    select
        source_system,
        count(*) as row_count
    from {{ ref(fact) }}
    group by source_system
),
{%- endfor %}

steps as (
    select
        landed.source_system,
        'landed files to accepted rows' as layer,
        'rows' as measure,
        landed.in_amount,
        coalesce(accepted.out_amount, 0) as out_amount,
        landed.explained_amount,
        'duplicates, superseded and quarantined rows' as explanation
    from landed
    left join accepted
        on landed.source_system = accepted.source_system

    union all

    select
        totals.source_system,
        'readable order lines to accepted rows' as layer,
        'quantity' as measure,
        totals.landed_quantity as in_amount,
        coalesce(accepted_lines.quantity, 0) as out_amount,
        totals.exceptional_quantity as explained_amount,
        'duplicates, superseded and quarantined lines' as explanation
    from totals
    left join accepted_lines
        on totals.source_system = accepted_lines.source_system
    {%- for measure, name in {'rows': 'row_count', 'quantity': 'quantity'}.items() %}

    union all

    select
        accepted_lines.source_system,
        'accepted rows to order lines' as layer,
        '{{ measure }}' as measure,
        accepted_lines.{{ name }} as in_amount,
        coalesce(lines.{{ name }}, 0) as out_amount,
        totals.cancelled_{{ name }} as explained_amount,
        'cancelled lines' as explanation
    from accepted_lines
    inner join totals
        on accepted_lines.source_system = totals.source_system
    left join lines
        on accepted_lines.source_system = lines.source_system
    {%- endfor %}
    {%- for measure, name in line_measures.items() %}

    union all

    select
        totals.source_system,
        'landed order lines to order lines' as layer,
        '{{ measure }}' as measure,
        totals.landed_{{ name }} as in_amount,
        coalesce(lines.{{ name }}, 0) as out_amount,
        totals.exceptional_{{ name }} + totals.cancelled_{{ name }}
        {%- if name in ('gross_amount', 'net_amount') %} + totals.converted_{{ name }}{% endif %}
        {%- if name == 'gross_amount' %} + totals.rounding_amount{% endif %} as explained_amount,
        'lines set aside, quarantined or cancelled; currency conversion; rounding in the source' as explanation
    from totals
    left join lines
        on totals.source_system = lines.source_system

    union all

    select
        lines.source_system,
        'order lines to fct_order_lines' as layer,
        '{{ measure }}' as measure,
        lines.{{ name }} as in_amount,
        coalesce(fact_lines.{{ name }}, 0) as out_amount,
        coalesce(lines.later_{{ name }}, 0) as explained_amount,
        'lines after the as-of date' as explanation
    from lines
    left join fact_lines
        on lines.source_system = fact_lines.source_system

    union all

    select
        fact_lines.source_system,
        'fct_order_lines to fct_orders' as layer,
        '{{ measure }}' as measure,
        fact_lines.{{ name }} as in_amount,
        coalesce(fact_orders.{{ name }}, 0) as out_amount,
        0 as explained_amount,
        'nothing' as explanation
    from fact_lines
    left join fact_orders
        on fact_lines.source_system = fact_orders.source_system
    {%- endfor %}
    {%- for entity, (moment, fact) in events.items() %}

    union all

    select
        accepted_{{ entity }}.source_system,
        'accepted {{ entity }} to {{ fact }}' as layer,
        'rows' as measure,
        accepted_{{ entity }}.row_count as in_amount,
        coalesce({{ fact }}.row_count, 0) as out_amount,
        accepted_{{ entity }}.later_row_count as explained_amount,
        'rows after the as-of date' as explanation
    from accepted_{{ entity }}
    left join {{ fact }}
        on accepted_{{ entity }}.source_system = {{ fact }}.source_system
    {%- endfor %}

    union all

    select
        'all' as source_system,
        'fct_order_lines to fct_customer_months' as layer,
        'net_sales_amount' as measure,
        coalesce(sum(fact_lines.net_amount), 0) as in_amount,
        coalesce(max(customer_months.net_amount), 0) as out_amount,
        coalesce(sum(fact_lines.anonymous_net_amount), 0) as explained_amount,
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
