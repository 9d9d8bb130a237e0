-- Grain: one published relation: can it hold anything, and if not, which input is missing.
-- What a relation needs stands in its own yml (config.meta.needs): an entity, or a column of one that has to be filled.
with

inputs as (
    {%- for entity in contract_entities() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ entity }}' as entity,
        count(*) as row_count
    from ({{ accepted_rows(entity) }}) as accepted
    {%- endfor %}
    {%- for entity, column in needed_columns() %}
    union all
    select
        '{{ entity }}.{{ column }}' as entity,
        count({{ column }}) as row_count
    from ({{ accepted_rows(entity) }}) as accepted
    {%- endfor %}
),

needs as (
    {%- for need in published_needs() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ need.relation }}' as relation,
        '{{ need.entity }}' as entity
    {%- endfor %}
),

-- `a or b`: one of them is enough.
judged as (
    select
        needs.relation,
        needs.entity,
        needs.entity = '' or coalesce(sum(inputs.row_count), 0) > 0 as is_there
    from needs
    left join inputs
        on ' ' || needs.entity || ' ' like '% ' || inputs.entity || ' %'
    group by needs.relation, needs.entity
),

gathered as (
    select
        relation,
        min(case when is_there then 1 else 0 end) = 1 as is_available,
        {{ listed("case when entity <> '' then entity end", 'entity') }} as needed,
        {{ listed("case when entity <> '' and is_there then entity end", 'entity') }} as present,
        {{ listed("case when not is_there then entity end", 'entity') }} as missing
    from judged
    group by relation
)

select
    relation,
    is_available,
    needed as needed_entities,
    present as present_entities,
    missing as missing_entities,
    case
        when needed is null then 'needs no input'
        when missing is null then 'has all it needs: ' || needed
        else 'empty: needs ' || needed || '; missing ' || missing
    end as reason
from gathered
