{% macro numbered(level) %}
  {#- Names of a level of products (department, category, brand), and the numbers that stand for them while lines are grouped. -#}
    select distinct
        {{ level }}_number,
        {{ level }}
    from {{ ref('int_product_kinds') }}
    where {{ level }} is not null
{%- endmacro %}
