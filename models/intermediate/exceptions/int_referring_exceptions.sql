-- Grain: one landed row, of an entity that refers to another, that is not used as it is, with the reason.
{%- for entity in entities_that_refer() %}
{{ 'union all' if not loop.first }}
select * from ({{ contract_exceptions(entity, references={'campaigns': ref('int_campaigns')}) }}) as {{ entity }}
{%- endfor %}
