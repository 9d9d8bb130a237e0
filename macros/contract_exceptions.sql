{# Which landed rows the contract refuses or sets aside, and why: what int_exceptions and its like are made of. #}

{% macro contract_faults(entity) %}
  {# List of {reason, column, when}: what makes a single row unusable, in the order in which it is told. #}
  {%- set meta = contract_entity(entity).meta -%}
  {%- set faults = [] -%}
  {%- for name in contract_columns(entity, having='required') -%}
    {%- do faults.append({'reason': 'required_missing', 'column': name, 'when': name ~ ' is null'}) -%}
  {%- endfor -%}
  {%- if meta.any_of -%}
    {%- do faults.append({'reason': 'required_missing', 'column': meta.any_of | join(' | '), 'when': 'coalesce(' ~ meta.any_of | join(', ') ~ ') is null'}) -%}
  {%- endif -%}
  {%- if meta.event_at -%}
    {%- do faults.append({'reason': 'event_date_too_early', 'column': meta.event_at, 'when': meta.event_at ~ " < cast('" ~ var('earliest_event_date') ~ "' as timestamp)"}) -%}
    {%- set limit = 'event_limit_date' if contract_entity(entity).columns[meta.event_at].data_type == 'date' else 'event_limit_at' -%}
    {%- do faults.append({'reason': 'event_date_in_future', 'column': meta.event_at, 'when': meta.event_at ~ ' >= loads.' ~ limit}) -%}
  {%- endif -%}
  {%- for name, column in contract_entity(entity).columns.items() -%}
    {%- if column.meta.one_of -%}
      {%- do faults.append({'reason': 'unknown_code', 'column': name, 'when': name ~ " not in ('" ~ column.meta.one_of | join("', '") ~ "')"}) -%}
    {%- endif -%}
    {%- if 'minimum' in column.meta -%}
      {%- do faults.append({'reason': 'value_out_of_range', 'column': name, 'when': name ~ ' < ' ~ column.meta.minimum}) -%}
    {%- endif -%}
    {%- if 'above' in column.meta -%}
      {%- do faults.append({'reason': 'value_out_of_range', 'column': name, 'when': name ~ ' <= ' ~ column.meta.above}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- for rule in meta.rules or [] -%}
    {%- set filled = namespace(when=rule.when) -%}
    {#- Longer names first: one may begin with another. -#}
    {%- for name in ['amount_tolerance_rate', 'amount_tolerance', 'line_amount_limit', 'quantity_limit'] -%}
      {%- set filled.when = filled.when | replace(':' ~ name, var(name)) -%}
    {%- endfor -%}
    {%- set when = filled.when -%}
    {%- do faults.append({'reason': rule.reason, 'column': rule.column, 'when': when}) -%}
  {%- endfor -%}
  {%- do return(faults) -%}
{% endmacro %}

{% macro contract_exceptions(entity, references={}, incoming=none, told=[]) %}
  {# Rows of an entity that are not used as they are: quarantined (with reason), duplicate or superseded.
     Only exceptions are kept, so that a hundred million good lines are read, not copied.
     references: {entity: ref('int_<entity>')} for each reference the contract declares.
     incoming: the rows to look at, where that is not all of them. told: columns of theirs to tell besides. #}
  {%- set incoming = incoming or unioned(entity) -%}
  {%- set loads = source('control', 'loads') -%}
  {%- set systems = source('control', 'source_systems') -%}
  {%- if execute -%}
    {%- set meta = contract_entity(entity).meta -%}
    {%- set columns = contract_entity(entity).columns -%}
    {%- set faults = contract_faults(entity) -%}
    {%- set version = ['updated_at desc nulls last'] if 'updated_at' in columns else [] -%}
    {%- set keys = ['source_system'] + meta.key -%}
    {%- set required = contract_columns(entity, having='required') -%}
    {%- set group = meta.one_per -%}
    {#- Only these columns are carried from step to step; content is looked up again for the few rows that need it. -#}
    {%- set carried = ['_file_id', '_file_row'] + keys + (['updated_at'] if version else []) + ([group.per, group.of] if group else []) -%}
    {%- for name, column in columns.items() if column.meta.get('references') %}{% do carried.append(name) %}{% endfor -%}
    {%- set carried = carried | unique | list -%}
with

loads as (
    select
        _file_id,
        file,
        event_limit_at,
        event_limit_date
    from {{ loads }}
    where is_current
),

faulty as (
    select
        incoming._file_id,
        incoming._file_row,
        case
    {%- for fault in faults %}
            when {{ fault.when }} then '{{ fault.reason }}'
    {%- endfor %}
        end as reason,
        case
    {%- for fault in faults %}
            when {{ fault.when }} then '{{ fault.column }}'
    {%- endfor %}
        end as column_name
    from {{ incoming }} as incoming
    inner join loads
        on incoming._file_id = loads._file_id
    where
    {%- for fault in faults %}
        {{ 'or ' if not loop.first }}({{ fault.when }})
    {%- endfor %}
),

sound as {{ inlined() }} (
    select
        incoming.{{ carried | join(',\n        incoming.') }}
    from {{ incoming }} as incoming
    left join faulty
        on
            incoming._file_id = faulty._file_id
            and incoming._file_row = faulty._file_row
    where faulty._file_row is null
),

-- A number for each key tells where to look: grouping millions of texts takes three times as long.
suspect_keys as (
    select {{ quick_hash(keys) }} as key_number
    from sound
    {%- if meta.key_may_lack %}
    where {{ meta.key_may_lack }} is not null
    {%- endif %}
    group by key_number
    having count(*) > 1
),

repeated_keys as (
    select {{ keys | join(', ') }}
    from sound
    where
        {{ quick_hash(keys) }} in (select suspect_keys.key_number from suspect_keys)
        {%- if meta.key_may_lack %}
        and {{ meta.key_may_lack }} is not null
        {%- endif %}
    group by {{ keys | join(', ') }}
    having count(*) > 1
),

repeated as (
    select sound.*
    from sound
    inner join repeated_keys
        on
    {%- for key in keys %}
            {{ 'and ' if not loop.first -}}
            {%- if key in required or key in ['source_system', meta.key_may_lack] -%}
            sound.{{ key }} = repeated_keys.{{ key }}
            {%- else -%}
            coalesce(cast(sound.{{ key }} as varchar), '') = coalesce(cast(repeated_keys.{{ key }} as varchar), '')
            {%- endif -%}
    {%- endfor %}
),

contested as (
    select
        repeated._file_id,
        repeated._file_row,
        {{ 'repeated.updated_at,' if version }}
        loads.file,
        {{ content_hash(columns, 'incoming') }} as content,
        {{ content_hash(keys, 'repeated') }} as key_hash
    from {{ incoming }} as incoming
    inner join repeated
        on
            incoming._file_id = repeated._file_id
            and incoming._file_row = repeated._file_row
    inner join loads
        on incoming._file_id = loads._file_id
),

conflicts as (
    select
        key_hash,
        _file_id
    from contested
    group by key_hash, _file_id
    having min(content) <> max(content)
),

ranked as (
    select
        contested._file_id,
        contested._file_row,
        contested.content,
        contested.key_hash,
        conflicts.key_hash is not null as is_conflict,
        row_number() over (
            partition by contested.key_hash, conflicts.key_hash is not null
            order by {{ (version + ['file desc', '_file_id', '_file_row']) | map('replace', '_file', 'contested._file') | join(', ') }}
        ) as preference
    from contested
    left join conflicts
        on
            contested.key_hash = conflicts.key_hash
            and contested._file_id = conflicts._file_id
),

kept as (
    select
        key_hash,
        content
    from ranked
    where preference = 1 and not is_conflict
),

set_aside as (
    select
        ranked._file_id,
        ranked._file_row,
        case
            when ranked.is_conflict then 'quarantined'
            when ranked.content = kept.content then 'duplicate'
            else 'superseded'
        end as outcome,
        case when ranked.is_conflict then 'key_conflict' end as reason,
        case when ranked.is_conflict then '{{ meta.key | join(' + ') }}' end as column_name
    from ranked
    left join kept
        on ranked.key_hash = kept.key_hash
    where ranked.is_conflict or ranked.preference > 1
),

survivors as {{ inlined() }} (
    select sound.*
    from sound
    left join set_aside
        on
            sound._file_id = set_aside._file_id
            and sound._file_row = set_aside._file_row
    where set_aside._file_row is null
),
    {%- if group %}

suspect_groups as (
    select {{ quick_hash(['source_system', group.per]) }} as group_number
    from survivors
    where {{ group.of }} is not null
    group by group_number
    having min({{ quick_hash([group.of]) }}) <> max({{ quick_hash([group.of]) }})
),

torn as (
    select
        source_system,
        {{ group.per }}
    from survivors
    where {{ quick_hash(['source_system', group.per]) }} in (select suspect_groups.group_number from suspect_groups)
    group by source_system, {{ group.per }}
    having min({{ group.of }}) <> max({{ group.of }})
),

torn_rows as (
    select
        survivors._file_id,
        survivors._file_row
    from survivors
    inner join torn
        on
            survivors.source_system = torn.source_system
            and survivors.{{ group.per }} = torn.{{ group.per }}
),
    {%- endif %}
    {%- for name, column in columns.items() if column.meta.get('references') %}
      {%- set target = column.meta.references %}
      {%- if target not in references %}
        {{ exceptions.raise_compiler_error("exceptions of " ~ entity ~ " need references={'" ~ target ~ "': ref('int_" ~ target ~ "')}") }}
      {%- endif %}

{{ name }}_scope as (
    select distinct id_scope
    from {{ references[target] }}
),

{{ name }}_dangling as (
    select
        survivors._file_id,
        survivors._file_row
    from survivors
    inner join {{ systems }} as systems
        on survivors.source_system = systems.source_system
    inner join {{ name }}_scope
        on systems.id_scope = {{ name }}_scope.id_scope
    left join {{ references[target] }} as target
        on {{ scoped_id('survivors.' ~ name, 'systems.id_scope') }} = target.{{ contract_entity(target).meta.key[0] }}
    where
        survivors.{{ name }} is not null
        and target.id_scope is null
),
    {%- endfor %}

exceptional as (
    select
        _file_id,
        _file_row,
        'quarantined' as outcome,
        reason,
        column_name,
        1 as precedence
    from faulty

    union all

    select
        _file_id,
        _file_row,
        outcome,
        reason,
        column_name,
        2 as precedence
    from set_aside
    {%- if group %}

    union all

    select
        _file_id,
        _file_row,
        'quarantined' as outcome,
        '{{ group.reason }}' as reason,
        '{{ group.of }}' as column_name,
        3 as precedence
    from torn_rows
    {%- endif %}
    {%- for name, column in columns.items() if column.meta.get('references') %}

    union all

    select
        _file_id,
        _file_row,
        'quarantined' as outcome,
        'reference_missing' as reason,
        '{{ name }}' as column_name,
        {{ 4 + loop.index }} as precedence
    from {{ name }}_dangling
    {%- endfor %}
)

select
    loads.source_system,
    '{{ entity }}' as entity,
    exceptional._file_id,
    exceptional._file_row,
    exceptional.outcome,
    exceptional.reason,
    exceptional.column_name
    {%- for name in told %},
    incoming.{{ name }}
    {%- endfor %}
    {%- if told %}
from {{ incoming }} as incoming
inner join exceptional
    on
        incoming._file_id = exceptional._file_id
        and incoming._file_row = exceptional._file_row
    {%- else %}
from exceptional
    {%- endif %}
inner join {{ loads }} as loads
    on
        exceptional._file_id = loads._file_id
        and loads.is_current
qualify row_number() over (
    partition by exceptional._file_id, exceptional._file_row
    order by exceptional.precedence asc
) = 1
  {%- else -%}
{# parse time: name the dependencies, the columns come later #}
select 1 as source_system
  {%- endif -%}
{% endmacro %}
