-- Grain: one landed row that could not be used. Its content stays in the build; here are its place and the reason.
with

exceptional as (
    select *
    from {{ ref('int_row_exceptions') }}
    where outcome = 'quarantined'
),

loads as (
    select *
    from {{ source('control', 'loads') }}
    where is_current
),

rejected as (
    select * from {{ source('control', 'rejected_rows') }}
),

-- The reader's rejects are not in the typed rows: each one before a row moves its line down by one.
rejects_before as (
    select
        exceptional._file_id,
        exceptional._file_row,
        count(*) as rejected_count
    from exceptional
    inner join rejected
        on
            exceptional._file_id = rejected._file_id
            and exceptional._file_row >= rejected.rows_before
    where exceptional._file_row is not null
    group by exceptional._file_id, exceptional._file_row
)

select
    loads.source_system,
    loads.entity,
    loads.file,
    cast(coalesce(
        exceptional.line,
        exceptional._file_row + loads.first_line + coalesce(rejects_before.rejected_count, 0)
    ) as bigint) as line,
    exceptional.reason,
    exceptional.column_name,
    reasons.label_en as reason_label_en,
    reasons.label_zh as reason_label_zh,
    reasons.remedy_en as remedy,
    reasons.remedy_zh
from exceptional
inner join loads
    on exceptional._file_id = loads._file_id
left join rejects_before
    on
        exceptional._file_id = rejects_before._file_id
        and exceptional._file_row = rejects_before._file_row
left join {{ ref('quarantine_reasons') }} as reasons
    on exceptional.reason = reasons.reason
