{# Expressions that several models share. Each is one SQL expression. #}

{% macro as_of_date() %}
  {#- The day every figure is true for; resolved once a run, in int_as_of_date. -#}
  (select as_of_date from {{ ref('int_as_of_date') }})
{%- endmacro %}

{% macro window_start_date() %}
  {#- The day after which the trailing window begins. -#}
  {{ add_months(as_of_date(), -var('window_months')) }}
{%- endmacro %}

{% macro lines_of_the_window() %}
  {#- Order lines of known customers in the trailing window. -#}
        select order_lines.*
        from {{ ref('int_order_lines') }} as order_lines
        where
            order_lines.is_known_customer
            and order_lines.order_date <= {{ as_of_date() }}
            and order_lines.order_date > {{ window_start_date() }}
{%- endmacro %}

{% macro same_keys(one, other, keys) %}
  {#- Whether two relations' rows carry the same keys. -#}
  {%- for key in keys %}{{ ' and ' if not loop.first }}{{ one }}.{{ key }} = {{ other }}.{{ key }}{% endfor -%}
{%- endmacro %}

{% macro local_date(instant, zone) %}
  {#- Local day of an instant in a zone; NULL stays NULL. -#}
  cast({{ to_local(instant, zone) }} as date)
{%- endmacro %}

{% macro is_local_by(instant, zone, day) %}
  {#- Whether an instant's local day is a certain day or earlier; NULL stays NULL. No zone is a day off, so that only instants
      near that day need be converted. -#}
  case
            when cast({{ instant }} as date) < {{ add_days(day, -1) }} then true
            when cast({{ instant }} as date) > {{ add_days(day, 1) }} then false
            else {{ local_date(instant, zone) }} <= {{ day }}
        end
{%- endmacro %}

{% macro is_valid_on(day) %}
  {#- Whether a version (valid_from_date, valid_to_date) holds at the end of a day. -#}
  (valid_from_date is null or valid_from_date <= {{ day }})
    and (valid_to_date is null or valid_to_date > {{ day }})
{%- endmacro %}

{% macro times(amount, factor) %}
  {#- A product of decimals. Two of 18 digits give one of 18 on DuckDB and overflow, so one has 38. For comparisons; `product` makes an amount of it. -#}
  cast({{ amount }} as decimal(38, 4)) * {{ factor }}
{%- endmacro %}

{% macro product(amount, factor, factor_digits=4) %}{{ return(adapter.dispatch('product')(amount, factor, factor_digits)) }}{% endmacro %}

{% macro default__product(amount, factor, factor_digits) %}
  {#- An amount of 18 digits times a factor, rounded to an amount. -#}
  cast({{ times(amount, factor) }} as decimal(18, 4))
{%- endmacro %}

{% macro duckdb__product(amount, factor, factor_digits) %}
  {#- DuckDB takes 1.4 microseconds to round what has more than 18 digits, seventy times as long as the multiplication: usual
      amounts and factors go by types whose product has 18. The same figure either way. -#}
  {%- set amount_width, factor_width = (11, 7) if factor_digits == 4 else (9, 9) -%}
  case
            when
                abs({{ amount }}) < {{ 10 ** (amount_width - 4) }}
                and abs({{ factor }}) < {{ 10 ** (factor_width - factor_digits) }}
                then
                    cast(
                        cast({{ amount }} as decimal({{ amount_width }}, 4)) * cast({{ factor }} as decimal({{ factor_width }}, {{ factor_digits }}))
                        as decimal(18, 4)
                    )
            else cast({{ times(amount, factor) }} as decimal(18, 4))
        end
{%- endmacro %}

{% macro in_reporting_currency(amount, foreign_currency, rate) %}
  {#- An amount in the reporting currency; one of a foreign currency without a rate is NULL. -#}
  case
            when {{ foreign_currency }} is null then cast({{ amount }} as decimal(18, 4))
            else {{ product(amount, rate, factor_digits=8) }}
        end
{%- endmacro %}

{% macro scoped_id(column, scope) %}
  {#- Product, store, campaign and coupon numbers are unique within a scope that source systems may share. -#}
  {{ scope }} || ':' || {{ column }}
{%- endmacro %}

{% macro content_hash(columns, relation) %}
  {#- Equal rows have equal hashes; NULL differs from the empty text. -#}
  md5(
    {%- for column in columns %}
            {{ "|| '|' || " if not loop.first }}coalesce(cast({{ relation }}.{{ column }} as varchar), '\N')
    {%- endfor %}
        )
{%- endmacro %}

{% macro sum_if_all_known(amount) %}
  {#- A sum with an unknown part is unknown: adding the rest up would understate it. -#}
  case when count(*) = count({{ amount }}) then sum({{ amount }}) end
{%- endmacro %}

{% macro tie_safe_score(value, bands, ties='lowest') %}
  {#- Score 1..bands by rank: least(bands, 1 + floor(bands * (rank - 1) / n)). Equal values share one rank, so equal
      customers are never split. `value`: an order-by expression, worst first; ties: lowest or middle rank. -#}
  cast(least({{ bands }}, 1 + floor({{ bands }} * (
    rank() over (order by {{ value }})
    {%- if ties == 'middle' %} + (count(*) over (partition by {{ value.split(' ')[0] }}) - 1) / 2.0{% endif %} - 1
  ) / (count(*) over ()))) as integer)
{%- endmacro %}

{% macro band(value, edges) %}
  {#- 0 below the first edge, then one more for each edge reached. -#}
  case
            {%- for edge in edges | reverse %}
            when {{ value }} >= {{ edge }} then {{ loop.revindex }}
            {%- endfor %}
            else 0
        end
{%- endmacro %}

{% macro rfm_score_count() %}
  {#- Scores run from 1 to 5 (Hughes 1994): the segment map, value bands and the thresholds are made for them. -#}
  {{ return(5) }}
{%- endmacro %}

{% macro meets_cutoff(value, rule, partition_by=none) %}
  {#- true where value reaches the cut-off over all rows (or those of a partition). rule: mean, median, quantile:0.8 or an amount.
      The mean is compared cross-multiplied, so that equal customers never fall on two sides by rounding. -#}
  {%- set rule = rule | string -%}
  {%- set over = 'partition by ' ~ partition_by if partition_by else '' -%}
  {%- if rule == 'mean' -%}
  cast({{ value }} as decimal(38, 6)) * count(*) over ({{ over }}) >= sum({{ value }}) over ({{ over }})
  {%- elif rule == 'median' -%}
  {{ value }} >= {{ quantile_over(value, 0.5, over) }}
  {%- elif rule.startswith('quantile:') -%}
  {{ value }} >= {{ quantile_over(value, rule.split(':')[1], over) }}
  {%- else -%}
  {{ value }} >= cast({{ rule }} as decimal(18, 4))
  {%- endif -%}
{%- endmacro %}

{% macro meets_rate_cutoff(part, whole, rule) %}
  {#- true where part / whole reaches the cut-off; `mean` is the rate of all rows together, their parts over their wholes.
      Compared cross-multiplied, for a whole above 0; NULL parts are left out of the totals with their wholes. -#}
  {%- set rule = rule | string -%}
  {%- if rule == 'mean' -%}
  {{ times(part, "cast(sum(case when " ~ part ~ " is not null then " ~ whole ~ " end) over () as decimal(18, 4))") }}
            >= {{ times(whole, "cast(sum(" ~ part ~ ") over () as decimal(18, 4))") }}
  {%- elif rule in ['median'] or rule.startswith('quantile:') -%}
  {{ meets_cutoff('cast(' ~ part ~ ' as double) / ' ~ whole, rule) }}
  {%- else -%}
  {{ part }} >= {{ times(rule, whole) }}
  {%- endif -%}
{%- endmacro %}

{% macro whole_numbers(places) %}
  {#- Rows `number` from 0 to 10 ** places - 1. -#}
  select
        {%- for place in range(places) %}
        {{ '+ ' if not loop.first }}{{ 10 ** place }} * digits_{{ place }}.digit
        {%- endfor %} as number
    from
        {%- for place in range(places) %}
        {{ 'cross join ' if not loop.first }}(
            {%- for digit in range(10) %}{{ ' union all ' if not loop.first }}select {{ digit }} as digit{% endfor -%}
        ) as digits_{{ place }}
        {%- endfor %}
{%- endmacro %}

{% macro negated_cutoff(rule) %}
  {#- The cut-off of -x that means the same as `rule` on x: "at most the mean" is "-x at least the mean of -x". -#}
  {%- set rule = rule | string -%}
  {%- if rule in ['mean', 'median'] -%}{{ rule }}
  {%- elif rule.startswith('quantile:') -%}quantile:{{ (1 - (rule.split(':')[1] | float)) | round(9) }}
  {%- else -%}-{{ rule }}
  {%- endif -%}
{%- endmacro %}

{% macro age_in_years(birth_date, day) %}
  {#- Completed years of life on a day. -#}
  cast(extract(year from {{ day }}) - extract(year from {{ birth_date }}) - case
        when
            extract(month from {{ day }}) * 100 + extract(day from {{ day }})
            < extract(month from {{ birth_date }}) * 100 + extract(day from {{ birth_date }})
            then 1
        else 0
    end as integer)
{%- endmacro %}

{% macro not_below_zero(amount) %}
  {#- 0 for what is negative; unknown stays unknown (`greatest` would make it 0). -#}
  case when {{ amount }} > 0 then {{ amount }} when {{ amount }} <= 0 then 0 end
{%- endmacro %}

{% macro consents(customers) %}
  {#- Whether a customer may be written to or called by any means; NULL where nothing is known of it. -#}
  case
            when {{ customers }}.email_consent or {{ customers }}.sms_consent or {{ customers }}.phone_consent then true
            when not coalesce({{ customers }}.email_consent, {{ customers }}.sms_consent, {{ customers }}.phone_consent) then false
        end
{%- endmacro %}

{% macro join_playbook(code, relation) %}
  {#- Name and advice of a band's code, from the playbook; goes with name_of or told_of. -#}
  left join {{ ref('playbook') }} as {{ code }}_playbook
    on
        {{ relation }}.{{ code }} = {{ code }}_playbook.code
        and {{ code }}_playbook.code_list = '{{ code }}'
{%- endmacro %}

{% macro name_of(code) %}
  {#- What a code is called; goes with join_playbook. -#}
  {{ playbook_columns(code, ['label']) }}
{%- endmacro %}

{% macro told_of(code) %}
  {#- Columns that tell people what a code means and what to do; goes with join_playbook. -#}
  {{ playbook_columns(code, ['label', 'advice']) }}
{%- endmacro %}

{% macro playbook_columns(code, kinds) %}
  {#- Columns of joined texts, in both languages; kinds: label, advice. -#}
  {%- set found = [] -%}
  {%- for kind in kinds -%}
    {%- for language in ['en', 'zh'] -%}
      {%- do found.append(code ~ '_playbook.' ~ kind ~ '_' ~ language ~ ' as ' ~ code ~ '_' ~ kind ~ '_' ~ language) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ found | join(',\n    ') }}
{%- endmacro %}
