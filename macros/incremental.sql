{# What makes the build incremental: what changed since it was made, and how the rows of that are replaced.
   docs/incremental.md tells the whole of it. #}

{% macro is_built() %}
  {# Whether the build holds an earlier refresh, whole. The orchestrator throws away what was made by other code or settings. #}
  {%- if not execute or should_full_refresh() -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- do return(built_relation('int_built_run') is not none) -%}
{% endmacro %}

{% macro forget_the_build() %}
  {# Called at the start of each run of dbt. One by hand that makes incremental models leaves the build in a state that no refresh
     knows: the next one starts over. Refreshes set REGULARS_REFRESH. #}
  {%- if execute and not env_var('REGULARS_REFRESH', '') -%}
    {%- set kept = ['incremental', 'narrowed'] -%}
    {%- for node in graph.nodes.values() if node.unique_id in selected_resources and (node.config.materialized in kept or 'changes' in node.fqn) -%}
      {%- if loop.first and built_relation('int_built_run') is not none -%}
        {%- do adapter.drop_relation(built_relation('int_built_run')) -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{% macro built_relation(model) %}
  {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model] -%}
  {%- do return(load_cached_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias))) -%}
{% endmacro %}

{% macro as_built(model) %}
  {# A model's rows as the last refresh left them. No ref: it is read before it is made again. Only where is_built(). #}
  {%- set relation = built_relation(model) -%}
  {%- if relation is none -%}
    {{ exceptions.raise_compiler_error(model ~ " was never built: run the whole refresh with --full") }}
  {%- endif -%}
  {{ relation }}
{%- endmacro %}

{% macro differing(model, built, columns) %}
  {# Rows of `columns` that a model has now and had not when the build was made, or the other way round. #}
    (
        select {{ columns | join(', ') }} from {{ model }}
        except
        select {{ columns | join(', ') }} from {{ as_built(built) }}
    )
    union
    (
        select {{ columns | join(', ') }} from {{ as_built(built) }}
        except
        select {{ columns | join(', ') }} from {{ model }}
    )
{%- endmacro %}

{% macro or_unfinished(columns) %}
  {# What an earlier refresh found changed and did not get to the end of: perhaps replaced, perhaps not. #}
    union

    select {{ columns | join(', ') }}
    from {{ as_built(this.identifier) }}
    where run_id not in (select run_id from {{ as_built('int_built_run') }})
{%- endmacro %}

{% macro changed_since_built(rows, built, columns) %}
  {# Rows that differ from those that the build was made of, as they are now and as they were, with the refresh that found them; none
     where all is built anew. rows: a query of `columns`. #}
with

run as (
    select * from {{ source('control', 'run') }}
),

now_known as (
    {{ rows }}
),

changed as (
    {%- if is_built() %}
    {{ differing('now_known', built, columns) }}
    {{ or_unfinished(columns) }}
    {%- else %}
    select {{ columns | join(', ') }}
    from now_known
    where false
    {%- endif %}
)

select
    changed.*,
    run.run_id
from changed
cross join run
{% endmacro %}

{% macro get_incremental_replace_changed_sql(arguments) %}
  {# dbt's incremental strategy `replace_changed`. meta.changed of a model: relation of keys that changed -> those keys' columns. #}
  {%- set changed = (config.get('meta').changed or {}) if is_built() else none -%}
  {{ return(adapter.dispatch('replace_changed')(arguments.target_relation, arguments.temp_relation, arguments.dest_columns, changed)) }}
{% endmacro %}

{% macro changed_by_refresh(relation) %}
  {# meta.changed of an incremental model within a refresh that goes on with a whole build; none: any row may be new. #}
  {%- if not execute or not env_var('REGULARS_REFRESH', '') or relation.identifier is not defined or built_relation('int_built_run') is none -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set node = graph.nodes.get('model.' ~ project_name ~ '.' ~ relation.identifier) -%}
  {%- do return(node.config.meta.changed if node and node.config.materialized == 'incremental' else none) -%}
{% endmacro %}

{% materialization narrowed, adapter='duckdb' %}
  {# What changed, as a table; a view of everything where all is built anew. #}
  {%- set kind = 'table' if is_built() else 'view' -%}
  {%- do drop_another_kind(kind) -%}
  {% call statement('main', auto_begin=false) -%}
    create or replace {{ kind }} {{ this }} as
    {{ compiled_code }}
  {%- endcall %}
  {{ return({'relations': [this.incorporate(type=kind)]}) }}
{% endmaterialization %}

{% macro built_product_columns() %}
  {# What order lines, what customers bought first and what they prefer take from products. #}
  {%- do return(['product_id', 'landed_unit_cost_amount', 'foreign_currency', 'margin_rate', 'department', 'category', 'brand']) -%}
{% endmacro %}

{% macro listed_files(query) %}
  {# Landed contents that a query tells; none where all is built anew. #}
  {%- do return(run_query(query).columns[0].values() if is_built() else []) -%}
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

{% macro only_changed_customers(rows, changed='int_changed_customers') %}
  {# A join that leaves those customers' rows whom this refresh has to look at again. #}
  {%- set changed_customers = ref(changed) -%}
  {%- if is_built() -%}
    inner join {{ changed_customers }} as changed_customers
        on {{ rows }}.customer_key = changed_customers.customer_key
  {%- endif -%}
{% endmacro %}

{% macro lines_of_the_window() %}
  {#- Order lines of known customers in the trailing window, of those whom this refresh has to look at again. -#}
        select order_lines.*
        from {{ ref('int_order_lines') }} as order_lines
        {{ only_changed_customers('order_lines', 'int_changed_window_customers') }}
        where
            order_lines.is_known_customer
            and order_lines.order_date <= {{ as_of_date() }}
            and order_lines.order_date > {{ window_start_date() }}
{%- endmacro %}

{% macro changed_rows(entity, built, day) %}
  {# Landed rows of an entity that count now and are not in the table that was built of it, or the other way round; those that are made
     of something else by now: whose the customer number is, or the exchange rate of their `day`, a column of that table; those of days
     that are asked for again; and those that an earlier refresh found and did not get to the end of. #}
  {%- set customers = ref('int_changed_customer_numbers') -%}
  {%- set rates = ref('int_changed_rates') -%}
with

run as (
    select * from {{ source('control', 'run') }}
),

accepted as (
    {{ accepted_rows(entity) }}
),
{%- if is_built() %}

built as (
    select
        _file_id,
        _file_row,
        {{ day }} as event_date,
        customer_key
    from {{ as_built(built) }}
),

changed as (
    select
        coalesce(accepted._file_id, built._file_id) as _file_id,
        coalesce(accepted._file_row, built._file_row) as _file_row
    from accepted
    full outer join built
        on {{ same_keys('accepted', 'built', ['_file_id', '_file_row']) }}
    cross join run
    where
        accepted._file_row is null
        or built._file_row is null
        or built.event_date between run.again_from_date and run.again_until_date
        or built.customer_key in (select customers.customer_key from {{ customers }} as customers)
        {%- if contract_columns(entity, having='money') %}
        or built.event_date in (select rates.rate_date from {{ rates }} as rates)
        {%- endif %}
    {{ or_unfinished(['_file_id', '_file_row']) }}
)
{%- else %}

changed as (
    select
        _file_id,
        _file_row
    from accepted
    where false
)
{%- endif %}

select
    changed.*,
    run.run_id
from changed
cross join run
{% endmacro %}

{% macro customers_as_known() %}
  {#- Whose each customer number is, and whether they are known by the as-of date: what orders take from identity. -#}
select
    source_system,
    source_customer_id,
    customer_key,
    known_from_date <= {{ as_of_date() }} as is_known
from {{ ref('int_customer_identity') }}
{%- endmacro %}

{% macro after_all_is_made() %}
  {#- Lets a model of what the build was made of wait for every incremental model. -#}
  {%- for model in ['int_order_lines__exceptions', 'int_order_lines__cancelled', 'int_order_line_totals', 'int_orders', 'int_first_orders',
                    'int_customer_order_days', 'int_customer_purchases', 'int_customer_orders',
                    'int_customer_preferences', 'int_customer_category_shares', 'int_customer_month_ends',
                    'int_customer_months', 'int_clv_month_histories',
                    'int_web_sessions', 'int_survey_responses', 'int_loyalty_transactions'] -%}
    {%- do ref(model) -%}
  {%- endfor -%}
{% endmacro %}
