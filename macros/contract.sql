{# The source contract, read from models/staging/canonical/_sources.yml through dbt's graph. #}

{% macro contract_entity(entity) %}
  {# The contract's table node. Only known once dbt has parsed the project: call it under `execute`. #}
  {%- set node = graph.sources.get('source.' ~ project_name ~ '.canonical.' ~ entity) -%}
  {%- if not node -%}
    {{ exceptions.raise_compiler_error("The contract has no entity '" ~ entity ~ "': see models/staging/canonical/_sources.yml") }}
  {%- endif -%}
  {%- do return(node) -%}
{% endmacro %}

{% macro contract_columns(entity, having=none) %}
  {# Names of the contract's columns, in its order; `having`: only those with that mark (required, personal, …). #}
  {%- set names = [] -%}
  {%- for name, column in contract_entity(entity).columns.items() if having is none or column.meta.get(having) -%}
    {%- do names.append(name) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{% endmacro %}

{% macro stored_type(data_type) %}
  {# Instants are stored as UTC timestamps, everything else as declared. #}
  {%- do return('timestamp' if data_type == 'timestamptz' else data_type) -%}
{% endmacro %}

{% macro union_sources(entity) %}
  {# Every landed row of an entity that the reader could type, of any source system, good or bad, in the contract's columns; what a
     source lacks is NULL. The one place that goes through vars.source_systems. #}
  {%- set members = {} -%}
  {%- for system, entities in var('source_systems').items() if entity in entities -%}
    {%- do members.update({system: ref('stg_' ~ system ~ '__' ~ entity)}) -%}
  {%- endfor -%}
  {%- set canonical = source('canonical', entity) -%}
  {%- if execute -%}
    {%- set columns = contract_entity(entity).columns -%}
select
    source_system,
    _file_id,
    _file_row,
    {{ columns | join(',\n    ') }}
from {{ canonical }}
    {%- for system, relation in members.items() %}
      {%- set staged = graph.nodes['model.' ~ project_name ~ '.stg_' ~ system ~ '__' ~ entity].columns %}
      {%- for name in staged if name not in columns and name not in ['_file_id', '_file_row'] %}
        {{ exceptions.raise_compiler_error("stg_" ~ system ~ "__" ~ entity ~ " has a column '" ~ name ~ "' that the contract's " ~ entity ~ " does not know") }}
      {%- endfor %}

union all

select
    '{{ system }}' as source_system,
    _file_id,
    _file_row
      {%- for name, column in columns.items() %},
    cast({{ name if name in staged else 'null' }} as {{ stored_type(column.data_type) }}) as {{ name }}
      {%- endfor %}
from {{ relation }}
    {%- endfor %}
  {%- else -%}
select 1 as source_system
  {%- endif -%}
{% endmacro %}

{% macro unioned(entity) %}
  {# An entity's union, to select from. That of order lines, which a gate and many models read, is a view of its own. dbt's unit
     tests see no graph: there the union is what is given for the canonical source. #}
  {%- if entity == 'order_lines' -%}
    {{ ref('int_order_lines__unioned') }}
  {%- elif execute and model.resource_type == 'unit_test' -%}
    {{ source('canonical', entity) }}
  {%- else -%}
    ({{ union_sources(entity) }})
  {%- endif -%}
{% endmacro %}

{% macro exceptions_of(entity) %}
  {# Rows of an entity that are not used as they are; see contract_exceptions. A relation or a subquery. #}
  {%- if entity == 'order_lines' -%}
    {{ ref('int_order_lines__exceptions') }}
  {%- else -%}
    {%- set found = ref('int_referring_exceptions' if entity in entities_that_refer() else 'int_exceptions') -%}
    (select * from {{ found }} where entity = '{{ entity }}')
  {%- endif -%}
{% endmacro %}

{% macro accepted_rows(entity, incoming=none) %}
  {# Rows of an entity that the contract neither refuses nor sets aside; incoming: those to look at, where that is not all of them. #}
    select incoming.*
    from {{ incoming or unioned(entity) }} as incoming
    left join {{ exceptions_of(entity) }} as exceptional
        on
            incoming._file_id = exceptional._file_id
            and incoming._file_row = exceptional._file_row
    where exceptional._file_row is null
{% endmacro %}

{% macro contract_entities() %}
  {# Names of the contract's entities: dbt resolves refs when it parses, before it knows its own graph.
     A test holds this list to the contract. #}
  {%- do return([
    'order_lines', 'customers', 'customer_relations', 'regions', 'products', 'stores', 'campaigns', 'campaign_contacts',
    'coupons', 'coupon_redemptions', 'promotions', 'web_sessions', 'survey_responses', 'service_cases',
    'loyalty_transactions', 'marketing_costs', 'exchange_rates'
  ]) -%}
{% endmacro %}

{% macro entities_that_refer() %}
  {# Those with a column that must be found in another entity, whose own exceptions have to be known first. A test holds this list to
     the contract. #}
  {%- do return(['campaign_contacts', 'coupons', 'coupon_redemptions']) -%}
{% endmacro %}

{% macro entities_with_money() %}
  {# Entities whose amounts are in the currency of their source system; order lines may name one of their own. #}
  {%- set found = [] -%}
  {%- for entity in contract_entities() if entity != 'order_lines' and (not execute or contract_columns(entity, having='money')) -%}
    {%- do found.append(entity) -%}
  {%- endfor -%}
  {%- do return(found) -%}
{% endmacro %}

{% macro money_day(entity) %}
  {# Local day whose exchange rate turns a row's amounts into the reporting currency; rows without one: the as-of date.
     For queries over `incoming` joined to `source_systems`. #}
  {%- if not execute -%}{%- do return(as_of_date()) -%}{%- endif -%}
  {%- set meta = contract_entity(entity).meta -%}
  {%- set name = meta.money_at or meta.event_at -%}
  {%- if contract_entity(entity).columns[name].data_type == 'date' -%}
    incoming.{{ name }}
  {%- else -%}
    case
                when source_systems.foreign_currency is not null
                    then coalesce({{ local_date('incoming.' ~ name, 'source_systems.time_zone') }}, {{ as_of_date() }})
            end
  {%- endif -%}
{% endmacro %}

{% macro settled_rows(entity, as_landed=[]) %}
  {# Accepted rows of an entity with their source system's id_scope and time_zone, amounts in the reporting currency,
     and what the contract says an empty column means. Where a rate is missing the amount is NULL; a gate says so.
     as_landed: money columns wanted as they came too, with their foreign_currency, to convert on another day. #}
  {%- set incoming = unioned(entity) -%}
  {%- set exceptional = exceptions_of(entity) -%}
  {%- set rates = ref('int_exchange_rates') -%}
  {%- set systems = source('control', 'source_systems') -%}
  {%- set default_day = as_of_date() -%}
  {%- if execute -%}
    {%- set columns = contract_entity(entity).columns -%}
    {%- set money = contract_columns(entity, having='money') -%}
    select
        incoming.source_system,
        source_systems.id_scope,
        source_systems.time_zone
    {%- for name, column in columns.items() %},
        {% if name in money -%}
        {{ in_reporting_currency('incoming.' ~ name, 'source_systems.foreign_currency', 'rates.rate') }} as {{ name }}
        {%- elif 'default' in column.meta -%}
        coalesce(incoming.{{ name }}, {{ column.meta.default }}) as {{ name }}
        {%- else -%}
        incoming.{{ name }}
        {%- endif -%}
    {%- endfor %}
    {%- for name in as_landed %},
        incoming.{{ name }} as landed_{{ name }},
        source_systems.foreign_currency
    {%- endfor %}
    from {{ incoming }} as incoming
    inner join {{ systems }} as source_systems
        on incoming.source_system = source_systems.source_system
    left join {{ exceptional }} as exceptional
        on
            incoming._file_id = exceptional._file_id
            and incoming._file_row = exceptional._file_row
    {%- if money %}
    left join {{ rates }} as rates
        on
            source_systems.foreign_currency = rates.currency
            and {{ money_day(entity) }} = rates.rate_date
    {%- endif %}
    where
        exceptional._file_row is null
  {%- else -%}
    select 1 as source_system
  {%- endif -%}
{% endmacro %}

{% macro published_needs() %}
  {# List of {relation, entity}: what each published relation needs, from its yml; entity '' where it needs nothing. #}
  {%- set needs = [] -%}
  {%- for node in (graph.nodes.values() if execute else []) | selectattr('resource_type', 'equalto', 'model') | sort(attribute='unique_id') -%}
    {%- if node.fqn[1] == 'marts' -%}
      {%- for entity in node.meta.get('needs') or [''] -%}
        {%- do needs.append({'relation': node.schema ~ '.' ~ node.name, 'entity': entity}) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(needs) -%}
{% endmacro %}

{% macro needed_columns() %}
  {# List of (entity, column) that published relations name as `entity.column` among what they need. #}
  {%- set found = [] -%}
  {%- for need in published_needs() -%}
    {%- for part in need.entity.split(' or ') if '.' in part and part.split('.') not in found -%}
      {%- do found.append(part.split('.')) -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- do return(found) -%}
{% endmacro %}

{% macro every_other_column(entity, besides) %}
  {# Sort keys that tell any two different rows apart: product and quantity first, for they nearly always do. #}
  {%- set names = ['product_id', 'quantity', 'ordered_at'] -%}
  {%- for name in (contract_columns(entity) if execute else []) if name not in names + besides -%}
    {%- do names.append(name) -%}
  {%- endfor -%}
  {{ names | join(' asc nulls first, ') }} asc nulls first
{%- endmacro %}
