-- Grain: one month, channel and kind of service cases (channel, kind NULL: not told).
-- Follow-up and orders are measured where their days are over and the customer is known.
with

cases as (
    select * from {{ ref('fct_service_cases') }}
),

days as (
    select
        persons.customer_id,
        days.activity_date,
        days.order_count
    from {{ ref('int_customer_days') }} as days
    inner join {{ ref('int_persons') }} as persons
        on days.customer_key = persons.customer_key
    where days.order_count > 0
),

span as (
    select * from {{ ref('int_data_span') }}
),

sequenced as (
    select
        *,
        case
            when customer_id is not null then
                lead(opened_at) over (partition by customer_id order by opened_at asc, source_system asc, case_id asc)
        end as next_opened_at
    from cases
),

followed as (
    select
        sequenced.*,
        sequenced.customer_id is not null
        and {{ add_days('sequenced.opened_date', var('repeat_contact_days')) }} <= {{ as_of_date() }} as is_followed,
        sequenced.next_opened_at < {{ add_seconds('sequenced.opened_at', var('repeat_contact_days') * 86400) }} as has_repeat,
        sequenced.customer_id is not null
        and {{ add_days('sequenced.opened_date', -var('service_order_days')) }} >= span.first_data_date
        and {{ add_days('sequenced.opened_date', var('service_order_days')) }} <= {{ as_of_date() }} as has_both_sides
    from sequenced
    cross join span
),

orders_around as (
    select
        followed.source_system,
        followed.case_id,
        sum(case when days.activity_date < followed.opened_date then days.order_count else 0 end) as before_count,
        sum(case when days.activity_date > followed.opened_date then days.order_count else 0 end) as after_count
    from days
    inner join followed
        on
            days.customer_id = followed.customer_id
            and days.activity_date between
            {{ add_days('followed.opened_date', -var('service_order_days')) }}
            and {{ add_days('followed.opened_date', var('service_order_days')) }}
    where followed.has_both_sides
    group by followed.source_system, followed.case_id
)

select
    {{ as_of_date() }} as as_of_date,
    cast(date_trunc('month', followed.opened_date) as date) as opened_month,
    followed.channel,
    followed.kind,
    count(*) as case_count,
    count(*) filter (where followed.closed_at is not null) as closed_count,
    cast(count(*) filter (where followed.is_resolved) as double) / nullif(count(followed.is_resolved), 0) as resolved_share,
    {{ median('followed.first_response_seconds') }} as median_first_response_seconds,
    {{ median(dbt.datediff('followed.opened_at', 'followed.closed_at', 'second')) }} as median_closing_seconds,
    cast(count(*) filter (where followed.is_followed and followed.has_repeat) as double)
    / nullif(count(*) filter (where followed.is_followed), 0) as repeat_contact_rate,
    count(*) filter (where followed.has_both_sides) as compared_case_count,
    cast(sum(coalesce(orders_around.before_count, 0)) filter (where followed.has_both_sides) as double)
    / nullif(count(*) filter (where followed.has_both_sides), 0) as average_orders_before,
    cast(sum(coalesce(orders_around.after_count, 0)) filter (where followed.has_both_sides) as double)
    / nullif(count(*) filter (where followed.has_both_sides), 0) as average_orders_after
from followed
left join orders_around
    on
        followed.source_system = orders_around.source_system
        and followed.case_id = orders_around.case_id
group by cast(date_trunc('month', followed.opened_date) as date), followed.channel, followed.kind
