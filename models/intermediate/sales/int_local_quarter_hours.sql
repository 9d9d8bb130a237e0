-- Grain: one quarter of an hour in which a source system sold something, and its local time there.
-- Zones shift by whole quarters of an hour, so a few thousand conversions serve any number of lines: converting each
-- line took half of this layer's time.
{{ config(materialized='incremental', incremental_strategy='replace_changed') }}
with

accepted as (
    select * from {{ ref('int_order_lines__changed') }}
),

source_systems as (
    select * from {{ source('control', 'source_systems') }}
),

quarter_hours as (
    select distinct
        source_system,
        {{ quarter_hour('ordered_at') }} as quarter_hour
    from accepted
)

select
    quarter_hours.source_system,
    quarter_hours.quarter_hour,
    source_systems.time_zone,
    {{ to_local('quarter_hours.quarter_hour', 'source_systems.time_zone') }} as local_quarter_hour,
    {{ local_date('quarter_hours.quarter_hour', 'source_systems.time_zone') }} as local_date
from quarter_hours
inner join source_systems
    on quarter_hours.source_system = source_systems.source_system
{%- if is_built() %}
left join {{ this }} as known
    on
        quarter_hours.source_system = known.source_system
        and quarter_hours.quarter_hour = known.quarter_hour
        and source_systems.time_zone = known.time_zone
where known.quarter_hour is null
{%- endif %}
