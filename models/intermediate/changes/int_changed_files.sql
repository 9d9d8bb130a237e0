-- Grain: one landed content that counts now and did not when the build was made, or the other way round.
-- Empty where everything is built anew.
with

changed as (
    {{ changed_since_built(current_loads(), kinds=['load']) }}
)

select
    cast(key as bigint) as _file_id,
    kind,
    key,
    run_id
from changed
