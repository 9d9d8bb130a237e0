-- Grain: one load: one content of one landed file.
-- rows in = accepted + duplicates + superseded + quarantined.
with

loads as (
    select * from {{ source('control', 'loads') }}
),

exceptional as (
    select
        _file_id,
        count(*) filter (where outcome = 'duplicate') as duplicates,
        count(*) filter (where outcome = 'superseded') as superseded,
        count(*) filter (where outcome = 'quarantined') as quarantined
    from {{ ref('int_row_exceptions') }}
    group by _file_id
),

-- A file with the content of another adds nothing; one that was replaced gave way with all its rows.
counted as (
    select
        loads.*,
        case
            when loads.status = 'same_content' then loads.rows_in
            when loads.is_current then coalesce(exceptional.duplicates, 0)
            else 0
        end as duplicates,
        case
            when loads.status in ('replaced', 'withdrawn') then loads.rows_in
            when loads.is_current then coalesce(exceptional.superseded, 0)
            else 0
        end as superseded,
        case when loads.is_current then coalesce(exceptional.quarantined, 0) else 0 end as quarantined
    from loads
    left join exceptional
        on loads._file_id = exceptional._file_id
)

select
    load_id,
    source_system,
    entity,
    file,
    content_hash,
    status,
    rows_in,
    cast(rows_in - duplicates - superseded - quarantined as bigint) as accepted,
    cast(duplicates as bigint) as duplicates,
    cast(superseded as bigint) as superseded,
    cast(quarantined as bigint) as quarantined,
    encoding,
    delimiter,
    ignored_columns,
    run_id,
    loaded_at
from counted
