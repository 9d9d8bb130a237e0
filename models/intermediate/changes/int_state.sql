-- Grain: one thing that the build was made of: a landed content, a product, an exchange rate, a customer number, the as-of date, the
-- rules, or the refresh itself. Made last, when all that rests on it is made: a build without it is not whole.
{{ depends_on_incremental() }}
{{ current_loads() }}

union all

{{ current_lookups() }}

union all

select
    'run' as kind,
    run_id as key,
    cast(null as varchar) as content
from {{ source('control', 'run') }}

union all

select
    'rules' as kind,
    'rules' as key,
    basis as content
from {{ source('control', 'run') }}

union all

select
    'as_of_date' as kind,
    cast({{ as_of_date() }} as varchar) as key,
    cast(null as varchar) as content
