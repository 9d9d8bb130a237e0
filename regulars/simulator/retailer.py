"""Puts the retailer together: systems, files, truth. Everything is written set-based, a chunk of persons at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import yaml

from regulars.errors import UserError
from regulars.simulator import catalogue as goods
from regulars.simulator import dirt, events, orders, people, queries
from regulars.simulator.plan import CHUNK, Plan

HOME = """# A simulated retailer: `regulars simulate` wrote this home.
reporting_currency: CNY
time_zone: Asia/Shanghai
vars:
  holiday_country: CN
"""
# What each system declares. Members' numbers are shared with the till; product and store numbers by all.
SYSTEMS = {
    "till": {"time_zone": "Asia/Shanghai", "currency": "CNY", "id_scope": "retail", "customer_scope": "members"},
    "web": {"time_zone": "Asia/Shanghai", "currency": "USD", "id_scope": "retail", "cancelled_statuses": ["cancelled"]},
    "crm": {"time_zone": "Asia/Shanghai", "currency": "CNY", "id_scope": "retail", "customer_scope": "members"},
    "loyalty": {"time_zone": "Asia/Shanghai", "currency": "CNY", "id_scope": "retail", "customer_scope": "members"},
    "survey": {"time_zone": "Asia/Shanghai", "id_scope": "retail", "customer_scope": "members"},
    "callcentre": {"time_zone": "Asia/Shanghai", "id_scope": "retail", "customer_scope": "members"},
    "finance": {"time_zone": "Asia/Shanghai", "currency": "CNY", "id_scope": "retail"},
}


def simulate(plan: Plan, out: Path, progress: Callable[[str], None] = lambda told: None) -> dict[str, int]:
    """Write a home with a landing zone full of files, and the truth beside it; returns rows by table.

    Args:
        progress: told what is being written.

    Raises:
        UserError: when the folder holds something already, or can't be written.
    """
    if plan.customers < 1 or plan.months < 1:
        raise UserError(
            "a retailer needs customers and months", column="--customers", remedy="Give at least 1 of each."
        )
    landing = out / "landing"
    if landing.exists() and any(landing.iterdir()):
        raise UserError("this folder is not empty", file=str(landing), remedy="Name another --out, or remove it.")
    try:
        for system, declared in SYSTEMS.items():
            (landing / system).mkdir(parents=True, exist_ok=True)
            (landing / system / "_source.yml").write_text(yaml.safe_dump(declared, sort_keys=False))
        (out / "truth").mkdir(exist_ok=True)
        limit = f"quarantine_limit_rate: {max(0.01, min(1.0, plan.dirty_rate * 3)):.3f}\n" if plan.dirty_rate else ""
        (out / "regulars.yml").write_text(HOME + limit)
        return _Writer(plan, out, progress).write()
    except (OSError, duckdb.IOException) as error:
        shutil.rmtree(landing, ignore_errors=True)
        raise UserError(
            f"this can't be written: {error}", file=str(out), remedy="Free space, or name another --out."
        ) from error


class _Writer:
    def __init__(self, plan: Plan, out: Path, progress: Callable[[str], None]):
        self.plan, self.out, self.progress = plan, out, progress
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.rows: dict[str, int] = {}
        self.goods = goods.draw(plan)

    def write(self) -> dict[str, int]:
        """Write everything."""
        chunks = -(-self.plan.customers // CHUNK)
        self._small_tables()
        for chunk in range(chunks):
            self.progress(f"persons {chunk * CHUNK + 1:,} to {min((chunk + 1) * CHUNK, self.plan.customers):,}")
            self._chunk(chunk, chunk * CHUNK, min(CHUNK, self.plan.customers - chunk * CHUNK))
        if self.plan.dirty_rate:
            self.progress("dirty rows")
            dirt.write(self.plan, self.out, self.connection)
        truth = self.plan.parameters() | {"campaigns": self._campaign_truth(), "rows": self.rows}
        (self.out / "truth" / "parameters.json").write_text(json.dumps(truth, indent=2, default=str) + "\n")
        return self.rows

    def _campaign_truth(self) -> list[dict]:
        return [
            {
                "campaign_id": f"K{n}",
                "extra_order_probability": item[3] if self.plan.has_campaign_effects else 0.0,
                "control_share": item[4],
                "is_randomisation_broken": n == orders.BROKEN,
            }
            for n, item in enumerate(orders.CAMPAIGNS)
        ]

    def _put(self, name: str, query: str, **tables: pa.Table) -> None:
        """Write a query to a file of the landing zone or the truth; the name's end says how."""
        for table, content in tables.items():
            self.connection.register(table, content)
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        form = {
            "parquet": "format parquet",
            "csv": "format csv, header",
            "tsv": "format csv, header, delimiter '\t'",
            "gz": "format csv, header, compression gzip",
            "jsonl": "format json",
        }[name.rsplit(".", 1)[1]]
        count = self.connection.execute(f"copy ({query}) to '{target}' ({form})").fetchone()[0]
        key = "/".join(name.split("/")[1:3]).split(".")[0]
        self.rows[key] = self.rows.get(key, 0) + count
        for table in tables:
            self.connection.unregister(table)

    def _small_tables(self) -> None:
        plan = self.plan
        self._put("landing/till/products.csv", "select * from t", t=goods.products(plan, self.goods))
        self._put("landing/till/stores.csv", "select * from t", t=goods.stores(plan))
        self._put("landing/till/regions.csv", "select * from t", t=goods.regions())
        self._put("landing/crm/campaigns.csv", "select * from t", t=events.campaigns(plan))
        self._put("landing/finance/marketing_costs.csv", "select * from t", t=events.marketing(plan))
        self._put("landing/finance/exchange_rates.csv", "select * from t", t=events.exchange_rates(plan))
        coupons = (
            f"select 'C' || c as coupon_id, 'K' || c as campaign_id from unnest({orders.COUPON_CAMPAIGNS}) as t(c)"
        )
        self._put("landing/crm/coupons.csv", coupons)
        week = np.arange(0, plan.days, 7)
        product, store, day = (grid.ravel() for grid in np.meshgrid(
            np.arange(self.goods.count), np.arange(plan.store_count), week, indexing="ij"))  # fmt: skip
        on = orders.is_promoted(product, store, day)
        table = pa.table({"product": product[on], "store": store[on], "day": day[on]})
        self._put(
            "landing/till/promotions.csv",
            queries.PROMOTIONS.format(start=plan.start),
            promoted=table,
        )

    def _chunk(self, chunk: int, first: int, count: int) -> None:
        plan, part = self.plan, f"part-{chunk:04d}"
        crowd = people.draw(plan, chunk, first, count)
        person, when, has_left = orders.purchases(plan, chunk, crowd)
        last_day = np.full(count, -1)
        in_time = np.argsort(when, kind="stable")
        last_day[person[in_time]] = np.floor(when[in_time]).astype(int)
        reached = orders.contacts(plan, chunk, crowd, last_day)
        placed = orders.orders(plan, chunk, crowd, person, when, reached)
        bought = orders.lines(plan, chunk, crowd, self.goods, placed)
        self._orders(chunk, part, crowd, placed, bought)
        self._records(chunk, part, crowd)
        attitudes = events.stated(plan, chunk, crowd)
        self._events(chunk, part, crowd, placed, bought, last_day, has_left, attitudes)
        self._contacts(part, crowd, reached, placed, bought)
        buys = np.bincount(person, minlength=count)
        truth = people.truth(plan, crowd, buys, last_day, has_left)
        answered = pa.array(self.answered)
        truth = truth.append_column("has_answered", answered)
        # What they say when asked, and what the others would have said.
        told = pa.array(events.stated_attitude(attitudes))
        truth = truth.append_column("stated_attitude_score", told)
        self._put(f"truth/persons/{part}.parquet", "select * from t", t=truth)

    def _orders(self, chunk: int, part: str, crowd: people.People, placed: orders.Orders, bought: orders.Lines) -> None:
        plan, random = self.plan, self.plan.random(14, chunk)
        returned = np.flatnonzero(random.random(len(bought.order), dtype=np.float32) < 0.03)
        later = random.integers(1, 15, len(returned))
        returned, later = (kept[placed.day[bought.order[returned]] + later < plan.days] for kept in (returned, later))
        row = np.concatenate([np.arange(len(bought.order)), returned])
        is_return = np.arange(len(row)) >= len(bought.order)
        order = bought.order[row]
        sign = np.where(is_return, -1, 1)
        net = np.round(bought.price * bought.quantity, 2) - bought.discount - bought.coupon
        day = placed.day[order]
        day[is_return] += later
        person = np.where(placed.person[order] < 0, -1, crowd.first + placed.person[order])
        sold = pa.table(
            {
                "order_number": placed.number[order],
                "line_number": bought.number[row],
                "ordered_at": events.moment(plan, day, placed.second[order]),
                "person": person,
                "product": bought.product[row],
                "store": placed.store[order],
                "channel": placed.channel[order],
                "is_till": placed.is_till[order],
                "quantity": bought.quantity[row] * sign,
                "price": bought.price[row],
                "discount": np.where(is_return, 0, bought.discount[row]),
                "coupon": np.where(is_return, 0, bought.coupon[row]),
                "net": np.round(net[row] * sign, 2),
                "cost": self.goods.cost[bought.product[row]],
                "is_return": is_return,
            }
        )
        self._put(f"landing/till/order_lines/{part}.csv", queries.TILL_LINES, sold=sold)
        self._put(f"landing/web/order_lines/{part}.parquet", queries.WEB_LINES, sold=sold)

    def _records(self, chunk: int, part: str, crowd: people.People) -> None:
        records = people.records(self.plan, chunk, crowd)
        cities = pa.table(
            {
                "city_number": list(range(len(goods.CITIES))),
                "country": [city[0] for city in goods.CITIES],
                "region": [city[1] for city in goods.CITIES],
                "city": [city[2] for city in goods.CITIES],
            }
        )
        nicknames = " ".join(f"when first_name = '{name}' then '{short}'" for name, short in people.NICKNAMES.items())
        start = queries.CUSTOMERS.format(nickname=nicknames).replace("last_day", f"date '{self.plan.end}'")
        tables = {"records": records, "cities": cities}
        self._put(f"landing/till/customers/{part}.csv", start + queries.TILL_CUSTOMERS, **tables)
        self._put(f"landing/web/customers/{part}.parquet", start + queries.WEB_CUSTOMERS, **tables)
        self._put(f"landing/till/customer_relations/{part}.csv", queries.RELATIONS, **tables)
        self._put(f"truth/identities/{part}.parquet", queries.IDENTITIES, **tables)

    def _events(self, chunk, part, crowd, placed, bought, last_day, has_left, attitudes) -> None:
        plan = self.plan
        known = placed.person >= 0

        def last_before(day: int) -> np.ndarray:
            """Orders lie in the order of their days: the last one written stands."""
            last = np.full(crowd.count, -1)
            earlier = known & (placed.day < day)
            last[placed.person[earlier]] = placed.day[earlier]
            return last

        answers, self.answered = events.surveys(plan, chunk, crowd, attitudes, last_before)
        cases = events.cases(plan, chunk, crowd, last_day, has_left)
        member = pa.table({"person": crowd.number, "is_member": ~crowd.is_web | crowd.has_both})
        for system, entity, form, table in (
            ("survey", "survey_responses", "jsonl", answers),
            ("callcentre", "service_cases", "tsv", cases),
        ):
            for target, shift, condition in (
                (f"{system}/{entity}/{part}.{form}", 0, "is_member"),
                (f"web/{entity}/{part}.parquet", 5, "not is_member"),
            ):
                query = queries.EVENTS.format(shift=shift, condition=condition)
                self._put(f"landing/{target}", query, events=table, member=member)
        web = np.flatnonzero(~placed.is_till)
        visits = events.sessions(plan, chunk, crowd, placed.day[web], placed.second[web], placed.person[web],
                                 np.char.add("W", placed.number[web].astype(str)))  # fmt: skip
        self._put(f"landing/web/web_sessions/{part}.parquet", "select * from t", t=visits)
        net = np.bincount(
            bought.order,
            weights=bought.price * bought.quantity - bought.discount - bought.coupon,
            minlength=placed.count,
        )
        till = np.flatnonzero(placed.is_till & known)
        bookings = events.loyalty(
            plan,
            chunk,
            crowd.first + placed.person[till],
            placed.day[till],
            placed.second[till],
            placed.number[till],
            net[till],
        )
        self._put(f"landing/loyalty/loyalty_transactions/{part}.csv.gz", queries.BOOKINGS, bookings=bookings)

    def _contacts(self, part, crowd, reached, placed, bought) -> None:
        random = self.plan.random(15, crowd.first)
        count = len(reached.person)
        starts = np.array(orders.campaign_starts(self.plan))[reached.campaign]
        table = pa.table(
            {
                "campaign": reached.campaign,
                "person": crowd.first + reached.person,
                "contacted_at": pa.array(
                    events.moment(self.plan, starts, np.full(count, 9 * 3600)), mask=reached.is_control
                ),
                "is_control": reached.is_control,
                "variant": np.where(random.random(count) < 0.5, "A", "B"),
                "responded_at": pa.array(
                    events.moment(self.plan, reached.response_day, np.full(count, 12 * 3600)),
                    mask=~reached.has_responded,
                ),
                "cost_amount": np.where(reached.is_control, 0, 0.8),
            }
        )
        self._put(f"landing/crm/campaign_contacts/{part}.csv", queries.CONTACTS, contacts=table)
        redeemed = np.flatnonzero(bought.coupon > 0)
        redeemed = redeemed[placed.is_till[bought.order[redeemed]]]
        order = bought.order[redeemed]
        table = pa.table(
            {
                "campaign": placed.campaign[order],
                "person": crowd.first + placed.person[order],
                "redeemed_at": events.moment(self.plan, placed.day[order], placed.second[order]),
                "number": placed.number[order],
                "discount_amount": bought.coupon[redeemed],
            }
        )
        self._put(f"landing/crm/coupon_redemptions/{part}.csv", queries.REDEMPTIONS, redemptions=table)
