-- Grain: one customer with an order in the trailing window.
-- Who has no sales, or a margin that nothing but an assumption tells, is in no quadrant: one rate for all would split equals.
with

purchases as (
    select *
    from {{ ref('int_customer_purchases') }}
    where window_order_count > 0
),

persons as (
    select * from {{ ref('int_persons') }}
),

measured as (
    select
        customer_key,
        window_net_sales_amount as sales_amount,
        window_margin_amount as margin_amount,
        {{ meets_cutoff('window_net_sales_amount', var('value_matrix_sales_cutoff')) }} as is_high_sales
    from purchases
),

judged as (
    select
        customer_key,
        {{ meets_rate_cutoff('window_margin_amount', 'window_net_sales_amount', var('value_matrix_margin_cutoff')) }} as is_high_margin
    from purchases
    where
        window_net_sales_amount > 0
        and window_margin_amount is not null
        and window_costed_line_count > 0
),

coded as (
    select
        measured.customer_key,
        measured.sales_amount,
        measured.margin_amount,
        case
            when judged.is_high_margin is null then 'unknown'
            when measured.is_high_sales and judged.is_high_margin then 'high_sales_high_margin'
            when judged.is_high_margin then 'low_sales_high_margin'
            when measured.is_high_sales then 'high_sales_low_margin'
            else 'low_sales_low_margin'
        end as value_quadrant
    from measured
    left join judged
        on measured.customer_key = judged.customer_key
)

select
    persons.customer_id,
    {{ as_of_date() }} as as_of_date,
    coded.sales_amount,
    coded.margin_amount,
    case when coded.sales_amount > 0 then cast(coded.margin_amount as double) / coded.sales_amount end as margin_rate,
    coded.value_quadrant,
    {{ told_of('value_quadrant') }}
from coded
inner join persons
    on coded.customer_key = persons.customer_key
{{ join_playbook('value_quadrant', 'coded') }}
