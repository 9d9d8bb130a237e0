-- Grain: one row: this refresh.
select
    run.run_id,
    as_of.as_of_date,
    run.requested_as_of_date,
    run.reporting_currency,
    run.time_zone,
    run.regulars_version,
    run.dbt_version,
    run.duckdb_version,
    run.is_customer_id_keyed,
    run.started_at,
    run.seconds
from {{ source('control', 'run') }} as run
cross join {{ ref('int_as_of_date') }} as as_of
