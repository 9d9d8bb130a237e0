-- Grain: one customer record of one source system, as known on the as-of date.
-- Holds personal data: stays in the restricted schema.
select *
from {{ ref('int_customer_history') }}
where {{ is_valid_on(as_of_date()) }}
