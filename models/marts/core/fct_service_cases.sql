-- Grain: one case a customer raised by the as-of date.
-- What happened after the as-of date had not happened yet: closing, its outcome, and a first answer.
with

cases as (
    select
        *,
        {{ local_date('opened_at', 'time_zone') }} as opened_date,
        {{ local_date('closed_at', 'time_zone') }} as closed_date,
        {{ local_date('updated_at', 'time_zone') }} as updated_date,
        {{ local_date(add_seconds('opened_at', 'first_response_seconds'), 'time_zone') }} as first_response_date
    from ({{ settled_rows('service_cases') }}) as settled
),

identity as (
    select * from {{ ref('int_customer_identity') }}
)

select
    cases.source_system,
    cases.case_id,
    identity.customer_id,
    cases.opened_at,
    cases.opened_date,
    case when cases.closed_date <= {{ as_of_date() }} then cases.closed_at end as closed_at,
    cases.channel,
    cases.kind,
    cases.reason,
    case when coalesce(cases.closed_date, cases.updated_date, cases.opened_date) <= {{ as_of_date() }} then cases.is_resolved end
        as is_resolved,
    case when cases.first_response_date <= {{ as_of_date() }} then cases.first_response_seconds end as first_response_seconds
from cases
left join identity
    on
        cases.source_system = identity.source_system
        and cases.customer_id = identity.source_customer_id
where cases.opened_date <= {{ as_of_date() }}
