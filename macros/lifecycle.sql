{# The life cycle's rules, in one place for today's stages, those of past months and the churn table.
   A typical gap is shrunk towards everybody's: (n * m + k * M) / (n + k), n gaps of median m, k and M of all customers.
   Ratios to it are compared cross-multiplied. #}

{% macro typical_gap(gap_count, median_gap, usual_gap) %}
  {#- Days between two order-days to expect of a customer. -#}
  ({{ gap_count }} * coalesce({{ median_gap }}, 0) + {{ var('gap_prior_weight') }} * {{ usual_gap }})
    / ({{ gap_count }} + {{ var('gap_prior_weight') }})
{%- endmacro %}

{% macro is_overdue(days, ratio, gap_count, median_gap, usual_gap) %}
  {#- Whether days of silence are at least `ratio` typical gaps. -#}
  {{ days }} * ({{ gap_count }} + {{ var('gap_prior_weight') }})
    >= cast({{ ratio }} as double) * ({{ gap_count }} * coalesce({{ median_gap }}, 0) + {{ var('gap_prior_weight') }} * {{ usual_gap }})
{%- endmacro %}

{% macro overdue_band(days, gap_count, median_gap, usual_gap) %}
  {#- 0 below the first edge of churn_ratio_edges, then one more for each edge reached. -#}
  case
    {%- for edge in var('churn_ratio_edges') | reverse %}
        when {{ is_overdue(days, edge, gap_count, median_gap, usual_gap) }} then {{ loop.revindex }}
    {%- endfor %}
        else 0
    end
{%- endmacro %}

{% macro gap_band(gap_count, median_gap, usual_gap) %}
  {#- 0 below the first edge of churn_gap_edges, then one more for each edge reached. -#}
  case
    {%- for edge in var('churn_gap_edges') | reverse %}
        when {{ is_overdue(edge, 1, gap_count, median_gap, usual_gap).replace('>=', '<=') }} then {{ loop.revindex }}
    {%- endfor %}
        else 0
    end
{%- endmacro %}

{% macro lifecycle_state_number() %}
  {#- A number for how a customer stands at a month-end: overdue_band, gap_band and what is true or not, in columns of these
      names. int_lifecycle_states tells what a number stands for. -#}
  {%- set answers = 2 ** (lifecycle_traits() | length) -%}
  cast(
            overdue_band * {{ answers * (var('churn_gap_edges') | length + 1) }} + gap_band * {{ answers }}
            {%- for trait in lifecycle_traits() %}
            + case when {{ trait }} then {{ 2 ** loop.index0 }} else 0 end
            {%- endfor %}
            as integer
        )
{%- endmacro %}

{% macro lifecycle_traits() %}
  {#- What is true of a customer at a month-end or not; stages follow from it. -#}
  {%- do return(['is_first_order_day', 'is_lapse_long', 'is_risk_long', 'is_won_back']) -%}
{% endmacro %}

{% macro complete_month_ends() %}
  {#- Month-ends that stages are told for, and whether it is known who stayed away afterwards. -#}
    select
        month_end_date,
        {{ add_days('month_end_date', var('churn_horizon_days')) }} <= {{ as_of_date() }} as is_outcome_known
    from {{ ref('int_months') }}
    where is_complete
{%- endmacro %}

{% macro stands_at(order_days, day) %}
  {#- Whether an order-day is a customer's latest on a day. -#}
  {{ order_days }}.order_date <= {{ day }}
            and {{ day }} < coalesce({{ order_days }}.next_order_date, {{ add_days(as_of_date(), 1) }})
{%- endmacro %}

{% macro lifecycle_stage(is_lapse_long, is_risk_long, churn_probability, is_first_order_day, is_won_back) %}
  {#- Stage of a customer with an order; whoever has none is a prospect. -#}
  case
        when {{ is_lapse_long }} and coalesce({{ churn_probability }} >= {{ var('lapsed_churn_probability') }}, true) then 'lapsed'
        when {{ is_risk_long }} then 'at_risk'
        when {{ is_first_order_day }} then 'new'
        when {{ is_won_back }} then 'reactivated'
        else 'active'
    end
{%- endmacro %}
