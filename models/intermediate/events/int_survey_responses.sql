-- Grain: one answer to one question of a survey, of all history. Comments stay in the raw zone.
-- Lies beside the marts: of this table publishing makes fct_survey_responses.
{{ config(database='warehouse', schema='core') }}
with

responses as (
    {{ settled_rows('survey_responses') }}
),

identity as (
    select * from {{ ref('int_customer_identity') }}
)

select
    responses.source_system,
    responses.response_id,
    responses.metric,
    identity.customer_id,
    responses.responded_at,
    {{ local_date('responses.responded_at', 'responses.time_zone') }} as response_date,
    responses.survey,
    responses.score,
    responses.scale_min,
    responses.scale_max,
    responses.touchpoint,
    {{ scoped_id('responses.product_id', 'responses.id_scope') }} as product_id,
    responses.order_id,
    identity.customer_key
from responses
left join identity
    on
        responses.source_system = identity.source_system
        and responses.customer_id = identity.source_customer_id
