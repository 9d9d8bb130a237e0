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
