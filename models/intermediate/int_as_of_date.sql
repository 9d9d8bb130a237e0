-- Grain: one row: the day every figure of this refresh is true for.
-- Resolved here, once; every other model asks the macro as_of_date().
with

run as (
    select * from {{ source('control', 'run') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

cancelled_statuses as (
    select * from {{ source('control', 'cancelled_statuses') }}
),

accepted as (
    {{ accepted_rows('order_lines') }}
),

last_lines as (
    select
        accepted.source_system,
        max(accepted.ordered_at) as ordered_at
    from accepted
    left join cancelled_statuses
        on
            accepted.source_system = cancelled_statuses.source_system
            and accepted.status = cancelled_statuses.status
    where cancelled_statuses.status is null
    group by accepted.source_system
),

last_days as (
    select max({{ local_date('last_lines.ordered_at', 'source_systems.time_zone') }}) as order_date
    from last_lines
    inner join source_systems
        on last_lines.source_system = source_systems.source_system
),

-- Where nothing was ever sold, figures are of the last day on which anything was loaded.
loads as (
    select max(event_limit_date) as day_after
    from {{ source('control', 'loads') }}
    where is_current
)

select
    cast(coalesce(
        run.requested_as_of_date,
        last_days.order_date,
        {{ add_days('loads.day_after', -1) }}
    ) as date) as as_of_date,
    last_days.order_date as last_data_date
from run
cross join last_days
cross join loads
