-- Grain: one landed row that is not used as it is: refused by the reader or by the contract, or set aside.
with

rejected as (
    select * from {{ source('control', 'rejected_rows') }}
),

exceptional as (
    {%- for entity in contract_entities() %}
    {{ 'union all' if not loop.first }}
    select * from {{ ref('int_' ~ entity ~ '__exceptions') }}
    {%- endfor %}
)

select
    _file_id,
    _file_row,
    cast(null as bigint) as line,
    outcome,
    reason,
    column_name
from exceptional

union all

select
    _file_id,
    cast(null as bigint) as _file_row,
    line,
    'quarantined' as outcome,
    reason,
    column_name
from rejected
