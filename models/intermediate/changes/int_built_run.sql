-- Grain: one row: the refresh that made the build, once all of it is made. What it found changed is done with.
-- depends_on: {{ ref('int_built_loads') }}
-- depends_on: {{ ref('int_built_products') }}
-- depends_on: {{ ref('int_built_rates') }}
-- depends_on: {{ ref('int_built_customers') }}
select
    run.run_id,
    run.basis,
    {{ as_of_date() }} as as_of_date,
    {{ window_start_date() }} as window_start_date,
    usual.usual_gap_days,
    '{{ lifecycle_rules() }}' as lifecycle_rules
from {{ source('control', 'run') }} as run
cross join {{ ref('int_usual_gap') }} as usual
