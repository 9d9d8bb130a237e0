-- Grain: one customer with an order: what they brought, and what to expect of them.
-- Parameters and expectations come from the fit (models/fits); what depends on one customer alone is computed here.
with

customers as (
    select * from {{ ref('fit_clv_customers') }}
),

parameters as (
    select * from {{ source('fits', 'clv_parameters') }}
),

purchases as (
    select * from {{ ref('int_customer_purchases') }}
),

-- What an order-day holds, and earns, on average: for spend and margin rates that a customer's own history can't tell.
everybody as (
    select
        cast(sum(customers.paid_sales_amount) as double) / nullif(sum(customers.paid_order_day_count), 0) as order_day_amount,
        -- Where returns ate up every order-day, none is expected either: 1 makes no figure.
        coalesce(cast(sum(customers.paid_order_count) as double) / nullif(sum(customers.paid_order_day_count), 0), 1) as orders_per_order_day,
        cast(sum(purchases.margin_amount) as double)
        / nullif(sum(case when purchases.margin_amount is not null then purchases.net_sales_amount end), 0) as margin_rate,
        sum(case when purchases.margin_amount is not null then purchases.costed_line_count end) as costed_line_count
    from customers
    inner join purchases
        on customers.customer_key = purchases.customer_key
),

-- A customer's own margins count from some order-days' worth of everybody's; where all was returned, everybody's stand.
shrunk as (
    select
        purchases.customer_key,
        purchases.margin_amount,
        purchases.net_sales_amount,
        {{ var('clv_margin_prior_order_days') }} * everybody.order_day_amount as prior_sales_amount,
        purchases.costed_line_count,
        coalesce(
            purchases.margin_amount is not null and purchases.net_sales_amount > 0 and everybody.margin_rate is not null,
            false
        ) as has_own_margin
    from purchases
    cross join everybody
),

-- Each day's margin, discounted to the first order; decimals, so that sums are the same in whatever order they are taken.
margins as (
    select
        days.customer_key,
        {{ sum_if_all_known(discounted_to('days.margin_amount', 'customers.first_date', 'days.activity_date')) }} as discounted_margin_amount
    from {{ ref('int_customer_days') }} as days
    inner join customers
        on days.customer_key = customers.customer_key
    group by days.customer_key
),

contacts as (
    select
        contacts.customer_id,
        sum({{ discounted_to('contacts.cost_amount', 'customers.first_date', 'contacts.contact_date') }}) as discounted_cost_amount
    from {{ ref('fct_campaign_contacts') }} as contacts
    inner join customers
        on contacts.customer_id = customers.customer_id
    where contacts.cost_amount is not null
    group by contacts.customer_id
),

measured as (
    select
        customers.*,
        parameters.clv_basis,
        parameters.spend_basis,
        dim_customers.acquisition_cost_amount,
        contacts.discounted_cost_amount as contact_cost_amount,
        margins.discounted_margin_amount,
        everybody.orders_per_order_day,
        everybody.order_day_amount as average_order_day_amount,
        parameters.new_discounted_order_days,
        {{ alive_probability('customers', 'parameters') }} as alive_probability,
        {{ order_day_amount('customers', 'parameters', 'everybody.order_day_amount') }} as order_day_amount,
        case
            when everybody.margin_rate is null then 'unknown'
            when case when shrunk.has_own_margin then shrunk.costed_line_count else everybody.costed_line_count end = 0 then 'default_rate'
            when shrunk.has_own_margin then 'own_and_everybody'
            else 'everybody'
        end as margin_rate_basis,
        case
            when shrunk.has_own_margin
                then
                    (cast(shrunk.margin_amount as double) + shrunk.prior_sales_amount * everybody.margin_rate)
                    / (cast(shrunk.net_sales_amount as double) + shrunk.prior_sales_amount)
            else everybody.margin_rate
        end as margin_rate
    from customers
    cross join everybody
    inner join shrunk
        on customers.customer_key = shrunk.customer_key
    inner join {{ ref('dim_customers') }} as dim_customers
        on customers.customer_id = dim_customers.customer_id
    left join parameters
        on customers.clv_segment = parameters.clv_segment
    left join margins
        on customers.customer_key = margins.customer_key
    left join contacts
        on customers.customer_id = contacts.customer_id
),

banded as (
    select
        *,
        -- 10: a customer for sure, where leaving is not modelled.
        case when alive_probability is null then 10 else cast(least(9, floor(alive_probability * 10)) as integer) end as alive_tenth
    from measured
),

expected as (
    select
        measured.*,
        coalesce(measured.alive_probability, 1) as staying_probability,
        grid.order_days_12m,
        grid.order_days_horizon,
        grid.discounted_order_days,
        intervals.order_days_12m_low,
        intervals.order_days_12m_high,
        intervals.order_days_horizon_low,
        intervals.order_days_horizon_high,
        measured.order_day_amount * measured.margin_rate as order_day_margin_amount
    from banded as measured
    left join {{ source('fits', 'clv_grid') }} as grid
        on
            measured.clv_segment = grid.clv_segment
            and measured.repeat_count = grid.repeat_count
            and measured.age_days = grid.age_days
    left join {{ source('fits', 'clv_intervals') }} as intervals
        on
            measured.clv_segment = intervals.clv_segment
            and measured.repeat_count = intervals.repeat_count
            and cast(floor(measured.age_days / 7) as integer) = intervals.age_weeks
            and measured.alive_tenth = intervals.alive_tenth
)

select
    customer_id,
    {{ as_of_date() }} as as_of_date,
    clv_segment,
    cast(repeat_count as bigint) as repeat_count,
    recency_days,
    age_days,
    -- No acquisition or contact cost on record counts as none; the basis says so.
    cast(
        discounted_margin_amount - coalesce(acquisition_cost_amount, 0) - coalesce(contact_cost_amount, 0) as decimal(18, 4)
    ) as historic_clv_amount,
    case
        when discounted_margin_amount is null then 'unknown'
        when acquisition_cost_amount is not null and contact_cost_amount is not null then 'margin_acquisition_and_contact_cost'
        when acquisition_cost_amount is not null then 'margin_and_acquisition_cost'
        when contact_cost_amount is not null then 'margin_and_contact_cost'
        else 'margin'
    end as historic_clv_basis,
    alive_probability,
    staying_probability * order_days_12m as expected_order_days_12m,
    staying_probability * order_days_12m * orders_per_order_day as expected_orders_12m,
    order_days_12m_low * orders_per_order_day as expected_orders_12m_low,
    order_days_12m_high * orders_per_order_day as expected_orders_12m_high,
    cast(order_day_amount as decimal(18, 4)) as expected_order_day_amount,
    average_order_day_amount,
    spend_basis,
    margin_rate as expected_margin_rate,
    margin_rate_basis,
    cast(order_day_margin_amount / orders_per_order_day as decimal(18, 4)) as expected_order_margin_amount,
    cast(order_day_margin_amount * staying_probability * discounted_order_days as decimal(18, 4)) as predicted_clv_amount,
    cast(least(
        order_day_margin_amount * order_days_horizon_low, order_day_margin_amount * order_days_horizon_high
    ) * coalesce(discounted_order_days / nullif(order_days_horizon, 0), 1) as decimal(18, 4)) as predicted_clv_amount_low,
    cast(greatest(
        order_day_margin_amount * order_days_horizon_low, order_day_margin_amount * order_days_horizon_high
    ) * coalesce(discounted_order_days / nullif(order_days_horizon, 0), 1) as decimal(18, 4)) as predicted_clv_amount_high,
    cast(order_day_margin_amount * discounted_order_days as decimal(18, 4)) as value_if_kept_amount,
    cast(order_day_margin_amount * new_discounted_order_days as decimal(18, 4)) as value_of_one_like_it_amount,
    coalesce(clv_basis, 'unknown') as clv_basis
from expected
