{# Generic tests, one query per relation. Tested themselves in tests/unit/test_generic_tests.py. #}

{% test keyed_by(model, columns, may_be_null=[]) %}
  {# Fails if the columns together are the same twice, or one of them is NULL that may not be. #}
  {#- A number for each key tells where to look: grouping millions of texts takes three times as long. Where a refresh replaced rows
      of some keys, one of the two rows is fresh: the others were found to differ when they came. -#}
  {%- set changed = changed_by_refresh(model) %}
select {{ columns | join(', ') }}, count(*) as occurrences
from {{ model }}
where
    {{ quick_hash(columns) }} in (
        {%- if changed %}
        {%- for relation, keys in changed.items() %}
        {{ 'union all' if not loop.first }}
        select {{ quick_hash(columns) }}
        from {{ model }} as target
        where exists (
            select 1 from {{ built_relation(relation) }} as changed
            where {{ same_keys('target', 'changed', keys) }}
        )
        {%- endfor %}
        {%- else %}
        select {{ quick_hash(columns) }} from {{ model }} group by 1 having count(*) > 1
        {%- endif %}
    )
    {%- for column in columns if column not in may_be_null %}
    or {{ column }} is null
    {%- endfor %}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns if column not in may_be_null %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}

{% test within(model, column_name, values) %}
  {# Fails if a code is NULL or outside the closed list. #}
select {{ column_name }}, count(*) as occurrences
from {{ model }}
where {{ column_name }} is null or {{ column_name }} not in ('{{ values | join("', '") }}')
group by {{ column_name }}
{% endtest %}

{% test holds(model, condition) %}
  {# Fails if a row breaks the condition; a condition that is NULL is not broken. #}
select *
from {{ model }}
where not ({{ condition }})
{% endtest %}

{% test ties_together(model, values, code, partition_by=[]) %}
  {# Fails if rows that are equal in `values` (within the partition) carry different codes. #}
select {{ (partition_by + values) | join(', ') }}
from {{ model }}
group by {{ (partition_by + values) | join(', ') }}
having min({{ code }}) <> max({{ code }}) or count({{ code }}) not in (0, count(*))
{% endtest %}

{% macro rule_outcomes(results) %}
  {# Called at the end of each run of dbt. A refresh leaves generic tests out as nodes of the graph, for a node costs dbt thirty
     milliseconds whatever it asks: here the rules of each relation that was built are counted, one query a relation. What is
     broken the orchestrator has dbt test again, by itself, so that messages and rows are dbt's own. #}
  {%- if execute and env_var('REGULARS_REFRESH', '') -%}
    {%- set built = results | selectattr('status', 'eq', 'success') | map(attribute='node.unique_id') | list -%}
    {%- do assert_contracts(built) -%}
    {%- set rules = graph.nodes.values() | selectattr('test_metadata', 'defined') | selectattr('attached_node', 'in', built) | list -%}
    {%- set counts = [] -%}
    {%- for attached in rules | groupby('attached_node') -%}
      {%- set queries = [] -%}
      {%- for rule in attached.list -%}
        {%- do queries.append("select '" ~ rule.unique_id ~ "' as test_id, count(*) as failing_row_count from (" ~ rule_query(rule) ~ ") as failing") -%}
      {%- endfor -%}
      {%- for row in run_query(queries | join('\nunion all\n')).rows -%}
        {%- do counts.append("('" ~ invocation_id ~ "', '" ~ row[0] ~ "', " ~ row[1] ~ ")") -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- if counts -%}
    create or replace table restricted.rule_outcomes as
    select * from (values {{ counts | join(', ') }}) as counted (invocation_id, test_id, failing_row_count)
    {%- endif -%}
  {%- endif -%}
{% endmacro %}

{% macro assert_contracts(built) %}
  {# Names, types and order of columns are as the yml of each model with an enforced contract declares them. #}
  {%- set found = {} -%}
  {%- for row in run_query(columns_of_relations()).rows -%}
    {%- do found.setdefault(row[0] | lower, []).append(row[1] ~ ' ' ~ row[2] | lower) -%}
  {%- endfor -%}
  {%- for node in graph.nodes.values() if node.unique_id in built and node.config.contract.enforced -%}
    {%- set declared = [] -%}
    {%- for column in node.columns.values() -%}{%- do declared.append(column.name ~ ' ' ~ column.data_type | lower) -%}{%- endfor -%}
    {%- set actual = found.get((node.database ~ '.' ~ node.schema ~ '.' ~ node.alias) | lower, []) -%}
    {%- if actual != declared -%}
      {{ exceptions.raise_compiler_error(node.name ~ " does not keep its contract: its yml declares [" ~ declared | reject('in', actual) | join(', ')
          ~ "], its query gives [" ~ actual | reject('in', declared) | join(', ') ~ "], or in another order") }}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}

{% macro rule_query(rule) %}
  {# What a generic test asks of the relation it is attached to. #}
  {%- set node = graph.nodes[rule.attached_node] -%}
  {%- set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- set arguments = {} -%}
  {%- for name, value in rule.test_metadata.kwargs.items() if name != 'model' -%}
    {%- do arguments.update({name: render(value) if value is string and '{{' in value else value}) -%}
  {%- endfor -%}
  {{ context['test_' ~ rule.test_metadata.name](model=relation, **arguments) }}
{% endmacro %}
