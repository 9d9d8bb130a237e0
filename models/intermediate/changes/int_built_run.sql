-- Grain: one row: the refresh that made the build, once all of it is made. What it found changed is done with.
-- depends_on: {{ ref('int_built_loads') }}
-- depends_on: {{ ref('int_built_products') }}
-- depends_on: {{ ref('int_built_rates') }}
-- depends_on: {{ ref('int_built_customers') }}
select
    run_id,
    basis,
    {{ as_of_date() }} as as_of_date,
    {{ window_start_date() }} as window_start_date
from {{ source('control', 'run') }}
