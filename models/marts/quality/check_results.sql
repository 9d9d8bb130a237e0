-- Grain: one check of this refresh: expectations of both gates and dbt tests.
select
    check_name,
    gate,
    checked_relation,
    severity,
    is_passed,
    observed,
    expected,
    failed_row_count,
    remedy
from {{ source('control', 'check_results') }}
