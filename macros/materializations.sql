{# Tables and views of the build database, one statement each. dbt's own build under a second name, rename twice and drop:
   eight statements a model that protect readers. Nobody reads the build database, and what is published is swapped whole. #}

{% materialization table, adapter='duckdb' %}
  {%- do drop_another_kind('table') -%}
  {%- if config.get('contract').enforced -%}
    {%- do assert_contract(compiled_code) -%}
  {%- endif -%}
  {% call statement('main', auto_begin=false) -%}
    create or replace table {{ this }} as
    {{ of_contract(compiled_code) if config.get('contract').enforced else compiled_code }}
    {{ sorted_for_readers() }}
  {%- endcall %}
  {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
  {%- do drop_another_kind('view') -%}
  {%- if config.get('contract').enforced -%}
    {%- do assert_contract(compiled_code) -%}
  {%- endif -%}
  {% call statement('main', auto_begin=false) -%}
    create or replace view {{ this }} as
    {{ compiled_code }}
  {%- endcall %}
  {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{% macro assert_contract(query) %}
  {# dbt's own check plans each query once more before it is run. A refresh compares what was made, all of it at once, when a part of
     the graph is done: see rule_outcomes. #}
  {%- if not env_var('REGULARS_REFRESH', '') -%}
    {%- do get_assert_columns_equivalent(query) -%}
  {%- endif -%}
{% endmacro %}

{% macro of_contract(query) %}
  {# A query's columns as the contract lists them. #}
    select {{ model['columns'].values() | map(attribute='name') | join(', ') }} from (
    {{ query }}
    )
{% endmacro %}

{% macro sorted_for_readers() %}
  {# Marts are sorted by the key that `keyed_by` tests, for people; but facts, which keep the order in which they were landed, and
     what is by customer: sorting millions of rows takes as long as writing them, and more where it spills. #}
  {%- if execute and model.fqn[1] == 'marts' and not config.get('meta').parquet_month -%}
    {%- set keys = graph.nodes.values() | selectattr('attached_node', 'defined') | selectattr('attached_node', 'eq', model.unique_id)
        | selectattr('test_metadata.name', 'eq', 'keyed_by') | map(attribute='test_metadata.kwargs.columns') | list -%}
    {%- set columns = keys | first | default([]) -%}
    {%- if columns and 'customer_id' not in columns | join(' ') -%}
      order by {{ columns | join(', ') }}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{% macro drop_another_kind(kind) %}
  {# What was a view and is a table now, or the other way round, has to go first. #}
  {%- set existing = load_cached_relation(this) -%}
  {%- if existing is not none and existing.type != kind -%}
    {%- do adapter.drop_relation(existing) -%}
    {%- do adapter.commit() -%}
  {%- endif -%}
{% endmacro %}

{% macro in_part() %}
  {# What the materialization `parted` narrows: between these two lie all pseudonyms, which are hexadecimal. #}
  {%- do return("customer_id between '0' and 'g'") -%}
{% endmacro %}

{% macro part_bounds(customer_count) %}
  {# Where parts of at most `customers_at_once` begin and end: 1, 2, 4, 8 or 16 of them. #}
  {%- set sizes = [1, 2, 4, 8, 16] -%}
  {%- set enough = sizes | select('ge', customer_count / var('customers_at_once')) | list + [16] -%}
  {%- do return('0123456789abcdefg'[:: 16 // enough[0]] | list) -%}
{% endmacro %}

{% materialization parted, adapter='duckdb' %}
  {# A table of customers, made part by part: a query with many joins keeps all of them in memory. #}
  {%- do drop_another_kind('table') -%}
  {%- do assert_contract(compiled_code) -%}
  {%- set customers = run_query('select count(*) from ' ~ built_relation('int_persons')).columns[0].values()[0] -%}
  {%- set bounds = part_bounds(customers) -%}
  {%- for beyond in bounds[1:] -%}
    {%- set part = compiled_code | replace(in_part(), "customer_id between '" ~ bounds[loop.index0] ~ "' and '" ~ beyond ~ "'") -%}
    {% call statement('main', auto_begin=false) -%}
      {{ 'create or replace table ' ~ this ~ ' as' if loop.first else 'insert into ' ~ this }}
      {{ of_contract(part) }}
    {%- endcall %}
  {%- endfor -%}
  {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
