{# What makes the build incremental: what changed since it was made, and how the rows of that are replaced.
   docs/incremental.md tells the whole of it. #}

{% macro is_incremental_run() %}
  {# Whether the build holds an earlier refresh, whole. The orchestrator throws away what was made by other code or settings. #}
  {%- if not execute or should_full_refresh() -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- do return(built_relation('int_state') is not none) -%}
{% endmacro %}

{% macro invalidate_state() %}
  {# Called at the start of each run of dbt. One by hand that makes incremental models leaves the build in a state that no refresh
     knows: the next one starts over. Refreshes set REGULARS_REFRESH. #}
  {%- if execute and not env_var('REGULARS_REFRESH', '') -%}
    {%- set retained = ['incremental', 'changed_only'] -%}
    {%- for node in graph.nodes.values() if node.unique_id in selected_resources and (node.config.materialized in retained or 'changes' in node.fqn) -%}
      {%- if loop.first and built_relation('int_state') is not none -%}
        {%- do adapter.drop_relation(built_relation('int_state')) -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{% macro built_relation(model) %}
  {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model] -%}
  {%- do return(load_cached_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias))) -%}
{% endmacro %}

{% macro as_built(model) %}
  {# A model's rows as the last refresh left them. No ref: it is read before it is rebuilt. Only where is_incremental_run(). #}
  {%- set relation = built_relation(model) -%}
  {%- if relation is none -%}
    {{ exceptions.raise_compiler_error(model ~ " was never built: run the whole refresh with --full") }}
  {%- endif -%}
  {{ relation }}
{%- endmacro %}

{% macro changed_since_built(state, kinds) %}
  {# Kinds and keys of a state that differ from int_state, with the refresh that found them; none where all is built anew. #}
with

run as (
    select * from {{ source('control', 'run') }}
),

state as (
    {{ state }}
),
{%- if is_incremental_run() %}

built as (
    select
        kind,
        key,
        content
    from {{ as_built('int_state') }}
    where kind in ('{{ kinds | join("', '") }}')
),

differing as (
    (
        select * from state
        except
        select * from built
    )
    union all
    (
        select * from built
        except
        select * from state
    )
),

changed as (
    select
        kind,
        key
    from differing
    {{ or_unfinished(['kind', 'key']) }}
)
{%- else %}

changed as (
    select
        kind,
        key
    from state
    where false
)
{%- endif %}

select
    changed.kind,
    changed.key,
    run.run_id
from changed
cross join run
{% endmacro %}

{% macro or_unfinished(columns) %}
  {# What an earlier refresh found changed and did not get to the end of: perhaps replaced, perhaps not. #}
    union

    select {{ columns | join(', ') }}
    from {{ as_built(this.identifier) }}
    where run_id not in (select key from {{ as_built('int_state') }} where kind = 'run')
{%- endmacro %}

{% macro get_incremental_replace_changed_sql(arguments) %}
  {# dbt's incremental strategy `replace_changed`. meta.changed of a model: relation of keys that changed -> those keys' columns. #}
  {%- set changed = (config.get('meta').changed or {}) if is_incremental_run() else none -%}
  {{ return(adapter.dispatch('replace_changed')(arguments.target_relation, arguments.temp_relation, arguments.dest_columns, changed)) }}
{% endmacro %}

{% macro changed_by_refresh(relation) %}
  {# meta.changed of an incremental model within a refresh that goes on with a whole build; none: any row may be new. #}
  {%- if not execute or not env_var('REGULARS_REFRESH', '') or relation.identifier is not defined or built_relation('int_state') is none -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set node = graph.nodes.get('model.' ~ project_name ~ '.' ~ relation.identifier) -%}
  {%- do return(node.config.meta.changed if node and node.config.materialized == 'incremental' else none) -%}
{% endmacro %}

{% materialization changed_only, adapter='duckdb' %}
  {# What changed, as a table; a view of everything where all is built anew. #}
  {%- set kind = 'table' if is_incremental_run() else 'view' -%}
  {%- do drop_another_kind(kind) -%}
  {% call statement('main', auto_begin=false) -%}
    create or replace {{ kind }} {{ this }} as
    {{ compiled_code }}
  {%- endcall %}
  {{ return({'relations': [this.incorporate(type=kind)]}) }}
{% endmaterialization %}

{% macro listed_files(query) %}
  {# Landed contents that a query tells; none where all is built anew. #}
  {%- do return(run_query(query).columns[0].values() if is_incremental_run() else []) -%}
{% endmacro %}

{% macro only_files(files, rows=none) -%}
  {#- Spelt out, so that the other files are not opened: a join would read all their columns first. -#}
  {{ rows ~ '.' if rows }}_file_id in ({{ files | join(', ') or 'null' }})
{%- endmacro %}

{% macro rows_of_orders(rows, orders) %}
  {#- Those of `rows` that are of these orders, each of them listed once. At most `rows_spelt_out` are looked up by their places,
      so that nothing else of their files is read; of more, whole files are looked through. -#}
  {%- set found -%}
    from {{ rows }} as incoming
    inner join {{ orders }} as orders
        on {{ same_keys('incoming', 'orders', ['source_system', 'order_id']) }}
  {%- endset -%}
  {%- set places = run_query('select incoming._file_id, incoming._file_row ' ~ found ~ ' limit ' ~ (var('rows_spelt_out') + 1)).rows -%}
  {%- set is_few = places | length <= var('rows_spelt_out') -%}
  {%- set files = places | map(attribute=0) | unique if is_few else listed_files('select distinct incoming._file_id ' ~ found) -%}
    select incoming.*
    {{ found }}
    where
        {{ only_files(files | sort, 'incoming') }}
        {%- if is_few %}
        and incoming._file_row in ({{ places | map(attribute=1) | unique | sort | join(', ') or 'null' }})
        {%- endif %}
{%- endmacro %}

{% macro current_loads() %}
  {#- Landed contents that count now, as rows of int_state: kind, what order lines carry of it, and the rest. -#}
select
    'load' as kind,
    cast(_file_id as varchar) as key,
    file as content
from {{ source('control', 'loads') }}
where is_current
{%- endmacro %}

{% macro current_lookups() %}
  {#- What order lines look up, as rows of int_state: kind, what order lines carry of it, and a hash of what is known of it now. -#}
select
    'product' as kind,
    product_id as key,
    {{ content_hash(['landed_unit_cost_amount', 'foreign_currency', 'margin_rate', 'department', 'category', 'brand'], 'products') }} as content
from {{ ref('int_products') }} as products

union all

select
    'rate' as kind,
    cast(rate_date as varchar) as key,
    {{ content_hash(['currency', 'rate'], 'rates') }} as content
from {{ ref('int_exchange_rates') }} as rates

union all

select
    'customer' as kind,
    cast(customer_key as varchar) as key,
    {{ content_hash(['source_system', 'source_customer_id', 'is_known'], 'numbers') }} as content
from (
    select
        *,
        known_from_date <= {{ as_of_date() }} as is_known
    from {{ ref('int_customer_identity') }}
) as numbers
{%- endmacro %}

{% macro depends_on_incremental() %}
  {#- Lets the state that the build was made of wait for every incremental model. A test holds this list to the models. -#}
  {%- for model in ['int_order_lines__exceptions', 'int_order_lines__cancelled', 'int_order_lines', 'int_orders'] -%}
    {%- do ref(model) -%}
  {%- endfor -%}
{% endmacro %}
