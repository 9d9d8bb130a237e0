-- Grain: one landed row, of any entity but order_lines and those that refer to others, that is not used as it is, with the reason.
{%- for entity in contract_entities() if entity != 'order_lines' and entity not in entities_that_refer() %}
{{ 'union all' if not loop.first }}
select * from ({{ contract_exceptions(entity) }}) as {{ entity }}
{%- endfor %}
