-- Grain: one answer to one question of a survey, by the as-of date. Publishing makes a table of it: `stored_as`.
{{ config(materialized='view') }}
select
    source_system,
    response_id,
    metric,
    customer_id,
    responded_at,
    response_date,
    survey,
    score,
    scale_min,
    scale_max,
    touchpoint,
    product_id,
    order_id
from {{ ref('int_survey_responses') }}
where response_date <= {{ as_of_date() }}
