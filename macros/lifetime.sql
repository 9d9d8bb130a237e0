{# Purchase histories as lifetime value sees them: order-days with net sales above 0, counted from the first. #}

{% macro purchase_histories(days, day, per=none) %}
  {#- One row per customer with an order by `day`: repeats x, time of the last one t_x, age T, both in days, and the value of
      repeat order-days. Days that returns ate up leave no trace. `per`: one more column that histories are kept apart by. -#}
  select
        {%- if per %}
        {{ per }},
        {%- endif %}
        customer_key,
        coalesce(min(activity_date) filter (where net_sales_amount > 0), min(activity_date)) as first_date,
        greatest(count(*) filter (where net_sales_amount > 0) - 1, 0) as repeat_count,
        coalesce(cast({{ dbt.datediff('min(activity_date) filter (where net_sales_amount > 0)',
                                      'max(activity_date) filter (where net_sales_amount > 0)', 'day') }} as integer), 0) as recency_days,
        cast({{ dbt.datediff('coalesce(min(activity_date) filter (where net_sales_amount > 0), min(activity_date))', day, 'day') }} as integer)
            as age_days,
        cast(coalesce(
            sum(net_sales_amount) filter (where net_sales_amount > 0)
            - min_by(net_sales_amount, activity_date) filter (where net_sales_amount > 0), 0
        ) as decimal(18, 4)) as repeat_sales_amount,
        cast(coalesce(sum(order_count) filter (where net_sales_amount > 0), 0) as bigint) as paid_order_count,
        count(*) filter (where net_sales_amount > 0) as paid_order_day_count,
        cast(coalesce(sum(net_sales_amount) filter (where net_sales_amount > 0), 0) as decimal(18, 4)) as paid_sales_amount
    from {{ days }}
    where
        order_count > 0
        and activity_date <= {{ day }}
    group by customer_key{{ ", " ~ per if per }}
{%- endmacro %}

{% macro told_month_ends() -%}
    {#- The last complete month-ends, that moves between value tiers are told for, and the day that their window begins after. -#}
    select
        month_end_date,
        {{ add_months('month_end_date', -var('window_months')) }} as window_start_date
    from {{ ref('int_months') }}
    where is_complete
    qualify row_number() over (order by month_end_date desc) <= {{ var('value_tier_month_ends') }}
{%- endmacro %}

{% macro clv_segment() %}
  {#- Segment that lifetime value is fitted for besides all: `clv_segment` names it. What calls itself `all` is nobody's. -#}
  {%- set choice = var('clv_segment') -%}
  {%- if choice == 'acquisition_channel' -%}coalesce(nullif(customers.acquisition_channel, 'all'), 'unknown')
  {%- elif choice == 'first_category' -%}coalesce(nullif(first_orders.first_category, 'all'), 'unknown')
  {%- elif choice == 'none' -%}'all'
  {%- else -%}{{ exceptions.raise_compiler_error("clv_segment is " ~ choice ~ ": none, acquisition_channel or first_category") }}
  {%- endif -%}
{%- endmacro %}

{% macro value_tier(is_current_high, is_potential_high) %}
  {#- Tier by current and potential value; unknown where one of them is. -#}
  case
            when {{ is_current_high }} and {{ is_potential_high }} then 'platinum'
            when {{ is_current_high }} and not {{ is_potential_high }} then 'gold'
            when not {{ is_current_high }} and {{ is_potential_high }} then 'iron'
            when not {{ is_current_high }} and not {{ is_potential_high }} then 'lead'
            else 'unknown'
        end
{%- endmacro %}

{% macro discounted_to(amount, start, day) %}
  {#- An amount of a day, discounted to an earlier one by clv_annual_discount_rate; a decimal, so that sums are the same in
      whatever order they are taken. -#}
  cast({{ amount }} / power(1 + {{ var('clv_annual_discount_rate') }}e0, greatest({{ dbt.datediff(start, day, 'day') }}, 0) / 365.25e0) as decimal(18, 4))
{%- endmacro %}

{% macro alive_probability(history, parameters) %}
  {#- P(still a customer) by MBG/NBD or BG/NBD; NULL where leaving is not modelled. See regulars/lifetime_value/dropout.py. -#}
  case
            when {{ parameters }}.a is null then null
            when {{ history }}.repeat_count = 0 and {{ parameters }}.leaves_at_once = 0 then 1
            else 1 / (1 + exp(least(
                700,
                ({{ parameters }}.r + {{ history }}.repeat_count)
                * ln(({{ parameters }}.alpha_days + {{ history }}.age_days) / ({{ parameters }}.alpha_days + {{ history }}.recency_days))
                + ln({{ parameters }}.a) - ln({{ parameters }}.b + {{ history }}.repeat_count - 1 + {{ parameters }}.leaves_at_once)
            )))
        end
{%- endmacro %}

{% macro order_day_amount(history, parameters, average) %}
  {#- Net sales to expect of a day with an order: Gamma-Gamma, else everybody's average. -#}
  case
            when {{ parameters }}.spend_basis = 'gamma_gamma'
                then
                    {{ parameters }}.spend_p * ({{ parameters }}.spend_v + cast({{ history }}.repeat_sales_amount as double))
                    / ({{ parameters }}.spend_p * {{ history }}.repeat_count + {{ parameters }}.spend_q - 1)
            else {{ average }}
        end
{%- endmacro %}
