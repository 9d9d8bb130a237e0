-- Fails if an amount times a factor comes out otherwise by the way that usual figures take than by the long one, half ones too.
with

cases (amount, factor, rate) as (
    {%- for amount in ['0.0001', '-0.0001', '0.0003', '1.2345', '-19.9999', '99999.9999', '9999999.9999', '10000000', '123456789.0123'] %}
    {%- for factor in ['0.5', '-0.5', '1.5', '3', '2.0001', '999.9999', '1000', '-1000.5'] %}
    select
        cast({{ amount }} as decimal(18, 4)),
        cast({{ factor }} as decimal(18, 4)),
        cast({{ factor }} / 8 as decimal(18, 8))
    {{ 'union all' if not (loop.last and amount == '123456789.0123') }}
    {%- endfor %}
    {%- endfor %}
)

select
    amount,
    factor,
    rate
from cases
where
    {{ product('amount', 'factor') }} <> cast({{ times('amount', 'factor') }} as decimal(18, 4))
    or {{ product('amount', 'rate', factor_digits=8) }} <> cast({{ times('amount', 'rate') }} as decimal(18, 4))
