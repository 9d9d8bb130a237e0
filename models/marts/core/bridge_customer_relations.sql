-- Grain: one person, another one and how they are related; as the source tells it, one way or both.
with

relations as (
    {{ settled_rows('customer_relations') }}
),

identity as (
    select *
    from {{ ref('int_customer_identity') }}
    where known_from_date <= {{ as_of_date() }}
)

-- Two records of one person are no relation.
select distinct
    persons.customer_id,
    related_persons.customer_id as related_customer_id,
    relations.relation
from relations
inner join identity as persons
    on
        relations.source_system = persons.source_system
        and relations.customer_id = persons.source_customer_id
inner join identity as related_persons
    on
        relations.source_system = related_persons.source_system
        and relations.related_customer_id = related_persons.source_customer_id
where persons.customer_id <> related_persons.customer_id
