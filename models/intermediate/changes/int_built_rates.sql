-- Grain: one currency on one day, as the build's order lines were made with it.
{{ after_all_is_made() }}
select
    currency,
    rate_date,
    rate
from {{ ref('int_exchange_rates') }}
