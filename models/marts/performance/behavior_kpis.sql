-- Grain: one month and segment with orders or visits: RFM segments of today, anonymous, and all together.
with

segments as (
    select
        persons.customer_key,
        rfm.rfm_segment
    from {{ ref('customer_rfm') }} as rfm
    inner join {{ ref('int_persons') }} as persons
        on rfm.customer_id = persons.customer_id
),

customer_months as (
    select
        months.customer_key,
        months.order_month,
        months.order_count,
        months.cumulative_order_count,
        months.net_sales_amount,
        segments.rfm_segment as segment
    from {{ ref('int_customer_months') }} as months
    inner join segments
        on months.customer_key = segments.customer_key
    where months.order_count > 0
),

span as (
    select cast(date_trunc('month', first_data_date) as date) as first_month
    from {{ ref('int_data_span') }}
),

sessions as (
    select
        cast(date_trunc('month', sessions.session_date) as date) as order_month,
        case
            when sessions.customer_key is null then 'anonymous'
            else coalesce(segments.rfm_segment, 'prospect')
        end as segment,
        count(*) as visit_count,
        sum(sessions.duration_seconds) as duration_seconds,
        count(sessions.duration_seconds) as timed_visit_count,
        count(sessions.order_id) as ordering_visit_count
    from {{ ref('int_web_sessions') }} as sessions
    left join segments
        on sessions.customer_key = segments.customer_key
    where sessions.session_date <= {{ as_of_date() }}
    group by
        cast(date_trunc('month', sessions.session_date) as date),
        case when sessions.customer_key is null then 'anonymous' else coalesce(segments.rfm_segment, 'prospect') end
),

-- Whether a visit ended in an order is known where any did.
told as (
    select
        count(*) > 0 as has_visits,
        coalesce(sum(ordering_visit_count) > 0, false) as has_conversions
    from sessions
),

buyers as (
    select
        order_month,
        segment,
        count(*) as customer_count,
        count(*) filter (where cumulative_order_count > 1) as repeat_customer_count,
        sum(order_count) as order_count,
        sum(net_sales_amount) as net_sales_amount
    from customer_months
    group by order_month, segment
),

anonymous as (
    select
        order_month,
        'anonymous' as segment,
        count(*) as order_count,
        sum(net_sales_amount) as net_sales_amount
    from {{ ref('fct_orders') }}
    where
        customer_id is null
        and not is_return_only
    group by order_month
)
{%- for name, distance in {'monthly': 1, 'yearly': 12}.items() %},

-- Who of the customers {{ distance }} months before came again.
{{ name }} as (
    select
        {{ add_months('before.order_month', distance) }} as order_month,
        before.segment,
        count(*) as before_count,
        count(customer_months.customer_key) as kept_count
    from customer_months as before
    left join customer_months
        on
            before.customer_key = customer_months.customer_key
            and customer_months.order_month = {{ add_months('before.order_month', distance) }}
    where {{ add_months('before.order_month', distance) }} <= {{ as_of_date() }}
    group by {{ add_months('before.order_month', distance) }}, before.segment
)
{%- endfor %},

keys as (
    select
        order_month,
        segment
    from buyers
    union
    select
        order_month,
        segment
    from anonymous
    union
    select
        order_month,
        segment
    from sessions
    union
    select
        order_month,
        segment
    from monthly
    union
    select
        order_month,
        segment
    from yearly
),

parts as (
    select
        keys.order_month,
        keys.segment,
        coalesce(buyers.customer_count, 0) as customer_count,
        coalesce(buyers.repeat_customer_count, 0) as repeat_customer_count,
        coalesce(buyers.order_count, 0) as known_order_count,
        coalesce(buyers.order_count, anonymous.order_count, 0) as order_count,
        coalesce(buyers.net_sales_amount, anonymous.net_sales_amount, 0) as net_sales_amount,
        sessions.visit_count,
        sessions.duration_seconds,
        sessions.timed_visit_count,
        sessions.ordering_visit_count,
        monthly.before_count as monthly_before_count,
        monthly.kept_count as monthly_kept_count,
        yearly.before_count as yearly_before_count,
        yearly.kept_count as yearly_kept_count
    from keys
    left join buyers
        on
            keys.order_month = buyers.order_month
            and keys.segment = buyers.segment
    left join anonymous
        on
            keys.order_month = anonymous.order_month
            and keys.segment = anonymous.segment
    left join sessions
        on
            keys.order_month = sessions.order_month
            and keys.segment = sessions.segment
    left join monthly
        on
            keys.order_month = monthly.order_month
            and keys.segment = monthly.segment
    left join yearly
        on
            keys.order_month = yearly.order_month
            and keys.segment = yearly.segment
),

together as (
    select * from parts

    union all

    select
        order_month,
        'all' as segment,
        sum(customer_count) as customer_count,
        sum(repeat_customer_count) as repeat_customer_count,
        sum(known_order_count) as known_order_count,
        sum(order_count) as order_count,
        sum(net_sales_amount) as net_sales_amount,
        sum(visit_count) as visit_count,
        sum(duration_seconds) as duration_seconds,
        sum(timed_visit_count) as timed_visit_count,
        sum(ordering_visit_count) as ordering_visit_count,
        sum(monthly_before_count) as monthly_before_count,
        sum(monthly_kept_count) as monthly_kept_count,
        sum(yearly_before_count) as yearly_before_count,
        sum(yearly_kept_count) as yearly_kept_count
    from parts
    group by order_month
)

select
    {{ as_of_date() }} as as_of_date,
    together.order_month,
    together.segment,
    {{ add_days(add_months('together.order_month', 1), -1) }} <= {{ as_of_date() }} as is_complete_month,
    cast(together.customer_count as bigint) as customer_count,
    cast(together.order_count as bigint) as order_count,
    cast(together.net_sales_amount as decimal(18, 4)) as net_sales_amount,
    cast(case when told.has_visits then coalesce(together.visit_count, 0) end as bigint) as visit_count,
    cast(together.duration_seconds as double) / nullif(together.timed_visit_count, 0) as average_dwell_seconds,
    case when told.has_conversions then cast(together.ordering_visit_count as double) / nullif(together.visit_count, 0) end
        as conversion_rate,
    cast(together.repeat_customer_count as double) / nullif(together.customer_count, 0) as repeat_purchase_rate,
    cast(together.monthly_kept_count as double) / nullif(together.monthly_before_count, 0) as monthly_retention_rate,
    cast(together.yearly_kept_count as double) / nullif(together.yearly_before_count, 0) as yearly_retention_rate,
    cast(together.net_sales_amount / nullif(together.order_count, 0) as decimal(18, 4)) as average_order_amount,
    cast(together.known_order_count as double) / nullif(together.customer_count, 0) as orders_per_customer
from together
cross join told
cross join span
where together.order_month >= span.first_month
