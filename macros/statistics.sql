{# Statistics that SQL lacks, as expressions over counts and sums. tests/e2e/test_simulated_retailer.py holds them to SciPy. #}

{% macro normal_two_sided_p(z) %}
  {#- P(|Z| >= |z|) of a standard normal: erfc(|z| / sqrt 2) by the Chebyshev fit of Press et al. (2007), Numerical Recipes,
      6.2.2; relative error below 1.2e-7 everywhere. -#}
  {%- set x = '(abs(' ~ z ~ ') / sqrt(2e0))' -%}
  {%- set t = '(1 / (1 + 0.5 * ' ~ x ~ '))' -%}
  {%- set fit = namespace(sum='0.17087277e0') -%}
  {%- for coefficient in ['-0.82215223e0', '1.48851587e0', '-1.13520398e0', '0.27886807e0', '-0.18628806e0', '0.09678418e0',
                          '0.37409196e0', '1.00002368e0'] -%}
    {%- set fit.sum = coefficient ~ ' + ' ~ t ~ ' * (' ~ fit.sum ~ ')' -%}
  {%- endfor -%}
  least(1e0, {{ t }} * exp(-{{ x }} * {{ x }} - 1.26551223e0 + {{ t }} * ({{ fit.sum }})))
{%- endmacro %}

{% macro wilson(successes, trials, side) %}
  {#- Lower (side -1) or upper (side 1) end of the Wilson (1927) interval of a rate. -#}
  {%- set z = var('interval_z') -%}
  (({{ successes }} + {{ z }} * {{ z }} / 2) / ({{ trials }} + {{ z }} * {{ z }})
    {{ '+' if side > 0 else '-' }} {{ z }} / ({{ trials }} + {{ z }} * {{ z }})
    * sqrt({{ successes }} * cast({{ trials }} - {{ successes }} as double) / {{ trials }} + {{ z }} * {{ z }} / 4))
{%- endmacro %}

{% macro newcombe(successes, trials, other_successes, other_trials, side) %}
  {#- Lower or upper end of Newcombe's (1998, method 10) interval of the difference of two rates. -#}
  {%- set rate = '(cast(' ~ successes ~ ' as double) / ' ~ trials ~ ')' -%}
  {%- set other = '(cast(' ~ other_successes ~ ' as double) / ' ~ other_trials ~ ')' -%}
  {{ rate }} - {{ other }} {{ '+' if side > 0 else '-' }} sqrt(
        power({{ rate }} - {{ wilson(successes, trials, side) }}, 2)
        + power({{ wilson(other_successes, other_trials, -side) }} - {{ other }}, 2)
    )
{%- endmacro %}
