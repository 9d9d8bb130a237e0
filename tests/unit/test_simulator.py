"""The simulated retailer: the same arguments give the same files, entities fit together, and the truth is in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from regulars.errors import UserError
from regulars.onboarding.guess import contract
from regulars.simulator import Plan, simulate


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def retailer(tmp_path_factory):
    out = tmp_path_factory.mktemp("retailer") / "home"
    simulate(Plan(6000, 24, 7), out)
    return out


def ask(retailer: Path, query: str):
    names = {
        "till": "read_csv('{}/landing/till/order_lines/*.csv', all_varchar = true)",
        "web": "'{}/landing/web/order_lines/*.parquet'",
        "persons": "'{}/truth/persons/*.parquet'",
        "identities": "'{}/truth/identities/*.parquet'",
        "contacts": "read_csv('{}/landing/crm/campaign_contacts/*.csv', all_varchar = true)",
        "members": "read_csv('{}/landing/till/customers/*.csv', all_varchar = true)",
    }
    views = ", ".join(f"{name} as (select * from {source.format(retailer)})" for name, source in names.items())
    return duckdb.sql(f"with {views} {query}").fetchall()


def test_the_same_arguments_give_the_same_files(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        simulate(Plan(300, 6, seed, dirty_rate=0.05), tmp_path / name)
    one, two, three = (digest(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one.keys() == three.keys()
    assert one != three


def test_every_entity_of_the_contract_is_there(retailer):
    landed = {path.name.split(".")[0] for path in retailer.glob("landing/*/*")} - {"_source"}
    assert landed == set(contract())


def test_orders_are_those_of_the_truth(retailer):
    orders = "(select order_id, customer_id from till union select order_id, customer_id from web)"
    (known,) = ask(
        retailer,
        f"select count(distinct order_id) from {orders} where customer_id is not null and order_id not like '%R'",
    )
    (planted,) = ask(
        retailer, "select (select sum(order_count) from persons) + (select count(responded_at) from contacts)"
    )
    assert known == planted
    assert ask(retailer, "select count(*) from till where customer_id is not null and customer_id not in"
               " (select source_customer_id from identities where source_system = 'till')") == [(0,)]  # fmt: skip


def test_purchases_follow_the_planted_model(retailer):
    rows = ask(
        retailer,
        "select purchase_rate_per_day, dropout_probability, order_count, acquired_day from persons where not is_prospect",
    )
    rate, dropout, count, acquired = map(np.array, zip(*rows, strict=True))
    plan = Plan(6000, 24, 7)
    # Repeats of those who never leave: their rate times their time.
    loyal = dropout < 0.02
    expected = (rate * (plan.days - acquired))[loyal].sum()
    assert (count - 1)[loyal].sum() == pytest.approx(expected, rel=0.08)
    # P(no repeat) = p + (1 - p) e^(-rate × time): dropout may come with the first purchase.
    alone = dropout + (1 - dropout) * np.exp(-rate * (plan.days - acquired))
    assert (count == 1).mean() == pytest.approx(alone.mean(), abs=0.02)


def test_raw_answers_are_biased_and_the_switch_makes_it_worse(retailer, tmp_path):
    def bias(home: Path) -> float:
        ((answered, everybody),) = ask(
            home,
            "select avg(attitude_score) filter (has_answered), avg(attitude_score) from persons where not is_prospect",
        )
        return answered - everybody

    simulate(Plan(6000, 24, 7, answers_by_attitude=True), tmp_path / "switched")
    assert bias(retailer) > 2
    assert bias(tmp_path / "switched") > bias(retailer) + 2


def test_campaigns_have_their_planted_effects(retailer):
    shares = dict(ask(retailer, """
        select campaign_id, count(responded_at) / count(*) from contacts where is_control = 'false' group by 1"""))  # fmt: skip
    truth = json.loads((retailer / "truth" / "parameters.json").read_text())["campaigns"]
    for campaign in truth:
        assert shares[campaign["campaign_id"]] == pytest.approx(campaign["extra_order_probability"], abs=0.03)
    controls = dict(ask(retailer, "select campaign_id, avg((is_control = 'true')::int) from contacts group by 1"))
    broken = [campaign["campaign_id"] for campaign in truth if campaign["is_randomisation_broken"]]
    assert [name for name, share in controls.items() if share > 0.25] == broken


def test_persons_in_two_systems_have_dirty_second_records(retailer):
    ((both, differing),) = ask(retailer, """
        select count(*), count(*) filter (members.first_name || ' ' || members.last_name <> web.full_name)
        from identities as one inner join identities as two on one.person = two.person and one.source_system = 'till'
            and two.source_system = 'web'
        inner join members on one.source_customer_id = members.customer_id
        inner join read_parquet('{}/landing/web/customers/*.parquet') as web on two.source_customer_id = web.customer_id
        """.replace("{}", str(retailer)))  # fmt: skip
    assert both > 300
    assert 0.4 < differing / both < 0.8


def test_what_cannot_be_simulated_is_told(retailer, tmp_path):
    with pytest.raises(UserError, match="not empty"):
        simulate(Plan(10, 1, 1), retailer)
    with pytest.raises(UserError, match="customers and months"):
        simulate(Plan(0, 1, 1), tmp_path / "nobody")
    simulate(Plan(1, 1, 1), tmp_path / "one")
