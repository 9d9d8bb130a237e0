-- Grain: one landed content, at its path, that the build was made of.
{{ after_all_is_made() }}
select
    _file_id,
    file
from {{ source('control', 'loads') }}
where is_current
