{# What differs between engines, and nothing else. A second engine adds <engine>__ versions here. #}

{% macro to_local(instant, zone) %}{{ return(adapter.dispatch('to_local')(instant, zone)) }}{% endmacro %}
{% macro duckdb__to_local(instant, zone) %}
  {#- Shifts that the query spells out, the latest first: adding one takes a fiftieth of the time of asking the calendar, which
      knows the rest. -#}
  {%- set asked = "timezone(" ~ zone ~ ", timezone('UTC', " ~ instant ~ "))" -%}
  {%- set told = zone_shifts() -%}
  {%- if not told -%}
  {{ asked }}
  {%- else -%}
  case {{ zone }}
    {%- for known, shifts in told | groupby(0) %}
            when '{{ known }}'
                then case
      {%- for shift in shifts %}
                    when {{ instant }} >= timestamp '{{ shift[1] }}'
                        then {{ asked if shift[2] is none else instant ~ ' + to_microseconds(' ~ shift[2] ~ ')' }}
      {%- endfor %}
                    else {{ asked }}
                end
    {%- endfor %}
            else {{ asked }}
        end
  {%- endif -%}
{%- endmacro %}

{% macro zone_shifts() %}
  {# Time zones of the source systems, what they were ahead of UTC by and from when on; none before the first refresh. #}
  {%- set told = source('control', 'zone_shifts') -%}
  {%- if not execute or load_cached_relation(told) is none -%}
    {%- do return([]) -%}
  {%- endif -%}
  {%- set query = 'select time_zone, since_at, shift_microseconds from ' ~ told ~ ' order by time_zone asc, since_at desc' -%}
  {%- do return(run_query(query).rows | map('list') | list) -%}
{% endmacro %}

{% macro pseudonym(text) %}{{ return(adapter.dispatch('pseudonym')(text)) }}{% endmacro %}
{# 128 bits of SHA-256: long enough that neither chance nor a table of all customer numbers meets it, given a key. #}
{% macro duckdb__pseudonym(text) %}substr(sha256({{ text }}), 1, 32){% endmacro %}

{% macro integer_key(hex) %}{{ return(adapter.dispatch('integer_key')(hex)) }}{% endmacro %}
{# 60 bits: joins and groupings on integers take half the time of those on text. #}
{% macro duckdb__integer_key(hex) %}cast('0x' || substr({{ hex }}, 1, 15) as bigint){% endmacro %}

{% macro inlined() %}{{ return(adapter.dispatch('inlined')()) }}{% endmacro %}
{# For CTEs over a whole fact that are read several times: DuckDB would write each row out first. #}
{% macro duckdb__inlined() %}not materialized{% endmacro %}

{% macro quick_hash(columns) %}{{ return(adapter.dispatch('quick_hash')(columns)) }}{% endmacro %}
{# 64 bits, to find candidates by: different rows may share it, and engines differ in it, so that no figure rests on it. #}
{% macro duckdb__quick_hash(columns) %}hash({{ columns | join(', ') }}){% endmacro %}

{% macro add_months(day, months) %}{{ return(adapter.dispatch('add_months')(day, months)) }}{% endmacro %}
{% macro duckdb__add_months(day, months) %}cast({{ day }} + to_months(cast({{ months }} as integer)) as date){% endmacro %}

{% macro add_days(day, days) %}{{ return(adapter.dispatch('add_days')(day, days)) }}{% endmacro %}
{% macro duckdb__add_days(day, days) %}cast({{ day }} + to_days(cast({{ days }} as integer)) as date){% endmacro %}

{% macro add_seconds(instant, seconds) %}{{ return(adapter.dispatch('add_seconds')(instant, seconds)) }}{% endmacro %}
{% macro duckdb__add_seconds(instant, seconds) %}{{ instant }} + to_seconds(cast({{ seconds }} as bigint)){% endmacro %}

{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday')(day)) }}{% endmacro %}
{% macro duckdb__iso_weekday(day) %}isodow({{ day }}){% endmacro %}

{% macro iso_week(day) %}{{ return(adapter.dispatch('iso_week')(day)) }}{% endmacro %}
{% macro duckdb__iso_week(day) %}weekofyear({{ day }}){% endmacro %}

{% macro iso_year(day) %}{{ return(adapter.dispatch('iso_year')(day)) }}{% endmacro %}
{% macro duckdb__iso_year(day) %}isoyear({{ day }}){% endmacro %}

{% macro quantile_over(value, share, over) %}{{ return(adapter.dispatch('quantile_over')(value, share, over)) }}{% endmacro %}
{% macro duckdb__quantile_over(value, share, over) %}quantile_cont({{ value }}, {{ share }}) over ({{ over }}){% endmacro %}

{% macro listed(value, order_by) %}{{ return(adapter.dispatch('listed')(value, order_by)) }}{% endmacro %}
{# Values of a group as one text, NULL left out; NULL when nothing is left. #}
{% macro duckdb__listed(value, order_by) %}string_agg({{ value }}, ', ' order by {{ order_by }}){% endmacro %}

{% macro columns_of_relations() %}{{ return(adapter.dispatch('columns_of_relations')()) }}{% endmacro %}
{# Columns of all relations, in their order: the relation as database.schema.name, the column, its type. #}
{% macro duckdb__columns_of_relations() -%}
  select database_name || '.' || schema_name || '.' || table_name, column_name, data_type
  from duckdb_columns() where not internal order by database_name, schema_name, table_name, column_index
{%- endmacro %}

{% macro median(value) %}{{ return(adapter.dispatch('median')(value)) }}{% endmacro %}
{# Middle value of a group, the mean of the two middle ones where their number is even; NULL left out. #}
{% macro duckdb__median(value) %}quantile_cont({{ value }}, 0.5){% endmacro %}

{% macro running_median(value, partition_by, order_by) %}{{ return(adapter.dispatch('running_median')(value, partition_by, order_by)) }}{% endmacro %}
{# Median of the values so far within a sequence, this one included. #}
{% macro duckdb__running_median(value, partition_by, order_by) -%}
  quantile_cont({{ value }}, 0.5) over (partition by {{ partition_by }} order by {{ order_by }} rows between unbounded preceding and current row)
{%- endmacro %}

{% macro duckdb__replace_changed(target, fresh, columns, changed) %}
  {# Rows of changed keys go, fresh ones come; all go where nothing is known of what changed (changed is none).
     An engine that can't delete writes the months of both anew. #}
  {%- set names = columns | map(attribute='quoted') | join(', ') -%}
  {%- if changed is none %}
  delete from {{ target }};
  {%- endif %}
  {%- for relation, keys in (changed or {}).items() %}
  delete from {{ target }} as target using (select distinct {{ keys | join(', ') }} from {{ ref(relation) }}) as changed
  where {{ same_keys('target', 'changed', keys) }};
  {%- endfor %}
  insert into {{ target }} ({{ names }}) select {{ names }} from {{ fresh }};
{% endmacro %}
