-- Grain: one currency on one day.
-- A rate holds for its own day, and for exchange_rate_carry_days more until the next one: bankers rest on Sundays.
-- Of source systems that tell different rates, the first by name speaks.
with

accepted as (
    {{ accepted_rows('exchange_rates') }}
),

known as (
    select
        currency,
        rate_date,
        rate
    from accepted
    qualify row_number() over (
        partition by currency, rate_date
        order by source_system asc
    ) = 1
),

followed as (
    select
        *,
        lead(rate_date) over (
            partition by currency
            order by rate_date asc
        ) as next_rate_date
    from known
),

offsets as (
    {%- for days in range(var('exchange_rate_carry_days') + 1) %}
    {{ 'union all' if not loop.first }}
    select {{ days }} as offset_days
    {%- endfor %}
)

select
    followed.currency,
    {{ add_days('followed.rate_date', 'offsets.offset_days') }} as rate_date,
    followed.rate
from followed
cross join offsets
where
    followed.next_rate_date is null
    or {{ add_days('followed.rate_date', 'offsets.offset_days') }} < followed.next_rate_date
