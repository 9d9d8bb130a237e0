-- Grain: one landed row that is not used as it is: refused by the reader or by the contract, or set aside.
with

rejected as (
    select * from {{ source('control', 'rejected_rows') }}
),

loads as (
    select *
    from {{ source('control', 'loads') }}
    where is_current
),

exceptional as (
    {%- for model in ['int_order_lines__exceptions', 'int_exceptions', 'int_referring_exceptions'] %}
    {{ 'union all' if not loop.first }}
    select
        _file_id,
        _file_row,
        outcome,
        reason,
        column_name
    from {{ ref(model) }}
    {%- endfor %}
),

-- Rows the reader set aside are not among the typed ones: each one before a row moves its line down by one.
places as (
    select
        _file_id,
        rows_before as place,
        cast(null as bigint) as _file_row
    from rejected

    union all

    select
        _file_id,
        _file_row as place,
        _file_row
    from exceptional
    where _file_row >= 0
),

counted as (
    select
        _file_id,
        _file_row,
        count(*) filter (where _file_row is null) over (
            partition by _file_id
            order by place asc, _file_row asc nulls first
            rows between unbounded preceding and current row
        ) as set_aside_before_count
    from places
),

corrections as (
    select * from {{ source('control', 'corrections') }}
),

refused as (
    select
        exceptional._file_id,
        exceptional._file_row,
        cast(coalesce(
            recovered.line,
            exceptional._file_row + loads.first_line + coalesce(counted.set_aside_before_count, 0)
        ) as bigint) as line,
        exceptional.outcome,
        exceptional.reason,
        exceptional.column_name
    from exceptional
    inner join loads
        on exceptional._file_id = loads._file_id
    left join counted
        on
            exceptional._file_id = counted._file_id
            and exceptional._file_row = counted._file_row
    left join rejected as recovered
        on
            exceptional._file_id = recovered._file_id
            and exceptional._file_row = -1 - recovered.recovered_row

    union all

    select
        _file_id,
        cast(null as bigint) as _file_row,
        line,
        'quarantined' as outcome,
        reason,
        column_name
    from rejected
    where recovered_row is null
)

-- A row that was corrected and delivered anew gave way to the new one.
select
    refused._file_id,
    refused._file_row,
    refused.line,
    case when corrections.line is not null and refused.outcome = 'quarantined' then 'superseded' else refused.outcome end as outcome,
    refused.reason,
    refused.column_name
from refused
left join corrections
    on
        refused._file_id = corrections._file_id
        and refused.line = corrections.line
