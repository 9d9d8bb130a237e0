-- Grain: one landed content whose order lines have to be added up again; none where all is built anew.
{%- set sources = [ref('int_changed_loads'), ref('int_order_lines__arrived'), ref('int_order_lines__changed')] %}
{%- for source in sources %}
{{ 'union' if not loop.first }}
select _file_id
from {{ source }}
where {{ is_built() | lower }}
{%- endfor %}
