"""SQL that turns drawn arrays into the columns of landed files: numbers, names and their dirt."""

TILL_LINES = """
select
    'T' || order_number || case when is_return then 'R' else '' end as order_id,
    line_number,
    ordered_at,
    case when person >= 0 then lpad(person::varchar, 8, '0') end as customer_id,
    'P' || lpad(product::varchar, 4, '0') as product_id,
    'S' || lpad(store::varchar, 3, '0') as store_id,
    'store' as channel,
    quantity,
    price::decimal(18, 2) as unit_price,
    discount::decimal(18, 2) as discount_amount,
    coupon::decimal(18, 2) as coupon_discount_amount,
    net::decimal(18, 2) as net_sales_amount,
    round(net * 0.13, 2)::decimal(18, 2) as tax_amount,
    case order_number % 3 when 0 then 'cash' when 1 then 'card' else 'stored_value' end as payment_method,
    is_return,
    case when is_return and order_number % 5 > 0 then 'T' || order_number end as return_of_order_id
from sold
where is_till
"""
WEB_LINES = """
select
    'W' || order_number || case when is_return then 'R' else '' end as order_id,
    line_number,
    timezone('Asia/Shanghai', ordered_at) as ordered_at,
    lpad((person + 5)::varchar, 8, '0') as customer_id,
    'P' || lpad(product::varchar, 4, '0') as product_id,
    case channel when 1 then 'web' else 'app' end as channel,
    quantity,
    round(price * quantity / 7.1, 2)::decimal(18, 2) as gross_sales_amount,
    round(discount / 7.1, 2)::decimal(18, 2) as discount_amount,
    (round(price * quantity / 7.1, 2) - round(discount / 7.1, 2))::decimal(18, 2) as net_sales_amount,
    round(cost / 7.1, 4)::decimal(18, 4) as unit_cost_amount,
    case order_number % 2 when 0 then 'card' else 'wallet' end as payment_method,
    is_return,
    case when is_return then 'W' || order_number end as return_of_order_id,
    case when order_number % 100 = 7 then 'cancelled' else 'delivered' end as status
from sold
where not is_till
"""
CUSTOMERS = """
with named as (
    select
        *,
        case {nickname} else first_name end as nickname
    from records
),

versions as (
    select *, city_number as city_now, registered as valid_from from named
    union all
    select *, moved_city as city_now, moved_date as valid_from from named where has_moved and moved_date < last_day
)
"""
TILL_CUSTOMERS = """
select
    lpad(person::varchar, 8, '0') as customer_id,
    valid_from::timestamp as updated_at,
    first_name,
    last_name,
    lower(first_name) || '.' || lower(last_name) || person || '@example.com' as email,
    phone,
    street_number || ' Secret Street' as street,
    cities.city,
    cities.region,
    cities.country,
    birth_date,
    gender,
    income_band,
    case when shares_household then 'H' || household end as household_id,
    children as has_children,
    registered::timestamp as registered_at,
    (['walk_in', 'search', 'social', 'friend'])[channel_number + 1] as acquisition_channel,
    (8 + channel_number * 6)::decimal(18, 2) as acquisition_cost_amount,
    case when referrer >= 0 and referrer <> person then lpad(referrer::varchar, 8, '0') end as referrer_customer_id,
    'CARD' || lpad(person::varchar, 10, '0') as loyalty_card_id,
    is_member,
    consent as email_consent,
    consent and channel_number % 2 = 0 as sms_consent,
    false as phone_consent
from versions
inner join cities on versions.city_now = cities.city_number
where has_till
order by person, valid_from
"""
# Second records are dirty: nicknames, swapped names, capitals, other ways to write a number.
WEB_CUSTOMERS = """
select
    lpad((person + 5)::varchar, 8, '0') as customer_id,
    timezone('Asia/Shanghai', valid_from::timestamp) as updated_at,
    case
        when not has_till then first_name || ' ' || last_name
        when typo = 0 then upper(last_name) || ' ' || first_name
        when typo = 1 then nickname || ' ' || last_name
        when typo = 2 then left(first_name, 1) || '. ' || last_name
        when typo = 3 then first_name || ' ' || replace(last_name, 'e', 'ee')
        else first_name || ' ' || last_name
    end as full_name,
    case
        when has_till and typo = 4 then null
        when has_till and typo = 5 then upper(lower(first_name) || '.' || lower(last_name) || person || '@example.com')
        else lower(first_name) || '.' || lower(last_name) || person || '@example.com'
    end as email,
    case
        when has_till and typo in (1, 3)
            then '+86 ' || left(phone, 3) || '-' || substr(phone, 4, 4) || '-' || right(phone, 4)
        when has_till and typo = 0 then null
        else phone
    end as phone,
    cities.city,
    cities.region,
    cities.country,
    gender,
    timezone('Asia/Shanghai', registered::timestamp) as registered_at,
    (['search', 'social', 'newsletter', 'friend'])[channel_number + 1] as acquisition_channel,
    consent as email_consent
from versions
inner join cities on versions.city_now = cities.city_number
where has_web
order by person, valid_from
"""
RELATIONS = """
select
    lpad(a.person::varchar, 8, '0') as customer_id,
    lpad(b.person::varchar, 8, '0') as related_customer_id,
    case when a.person % 4 = 0 then 'family' else 'household' end as relation
from records as a
inner join records as b on a.household = b.household and a.person < b.person
where a.shares_household and a.has_till and b.has_till
order by a.person
"""
IDENTITIES = """
select 'till' as source_system, lpad(person::varchar, 8, '0') as source_customer_id, person
from records
where has_till
union all
select 'web' as source_system, lpad((person + 5)::varchar, 8, '0') as source_customer_id, person
from records
where has_web
order by all
"""
# {shift}: what a system adds to a person's number; {condition}: whose rows these are
EVENTS = """
select lpad((person + {shift})::varchar, 8, '0') as customer_id, * exclude (person, is_member)
from events
inner join member using (person)
where {condition}
order by all
"""
BOOKINGS = """
select
    transaction_id, lpad(person::varchar, 8, '0') as customer_id, occurred_at, account, event, points, amount,
    'T' || order_id as order_id
from bookings
"""
PROMOTIONS = """
select
    'P' || lpad(product::varchar, 4, '0') as product_id,
    'S' || lpad(store::varchar, 3, '0') as store_id,
    date '{start}' + day::integer as started_at,
    date '{start}' + day::integer + 6 as ended_at,
    case when product % 2 = 0 then 'end_cap' end as display,
    case when product % 3 = 0 then 'front_page' end as mailer
from promoted
"""
CONTACTS = """
select
    'K' || campaign as campaign_id, lpad(person::varchar, 8, '0') as customer_id, * exclude (campaign, person)
from contacts
order by campaign, person
"""
REDEMPTIONS = """
select
    'C' || campaign as coupon_id, 'K' || campaign as campaign_id, lpad(person::varchar, 8, '0') as customer_id,
    redeemed_at, 'T' || number as order_id, discount_amount
from redemptions
order by redeemed_at, person
"""
