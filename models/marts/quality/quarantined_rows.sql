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
)

select
    loads.source_system,
    loads.entity,
    loads.file,
    exceptional.line,
    exceptional.reason,
    exceptional.column_name,
    reasons.label_en as reason_label_en,
    reasons.label_zh as reason_label_zh,
    reasons.remedy_en as remedy,
    reasons.remedy_zh
from exceptional
inner join loads
    on exceptional._file_id = loads._file_id
left join {{ ref('quarantine_reasons') }} as reasons
    on exceptional.reason = reasons.reason
