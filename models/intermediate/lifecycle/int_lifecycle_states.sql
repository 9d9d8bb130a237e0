-- Grain: one way in which a customer can stand at a month-end.
-- Customers at month-ends are millions: one number for each is kept of them, and told here what it stands for.
{%- set bands = {'overdue_band': var('churn_ratio_edges'), 'gap_band': var('churn_gap_edges')} %}
with
{%- for band, edges in bands.items() %}

{{ band }}s as (
    {%- for reached in range(edges | length + 1) %}
    {{ 'union all ' if not loop.first }}select {{ reached }} as {{ band }}
    {%- endfor %}
),
{%- endfor %}

answers as (
    select true as answer
    union all
    select false as answer
),

ways as (
    select
        overdue_bands.overdue_band,
        {%- for trait in lifecycle_traits() %}
        {{ trait }}s.answer as {{ trait }},
        {%- endfor %}
        gap_bands.gap_band
    from overdue_bands
    cross join gap_bands
    {%- for trait in lifecycle_traits() %}
    cross join answers as {{ trait }}s
    {%- endfor %}
)

select
    {{ lifecycle_state_number() }} as state_number,
    *
from ways
