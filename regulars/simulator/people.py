"""Persons: how often they buy and when they leave, what they think, who they are, and under which numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import special

from regulars.simulator.catalogue import CITIES, CLUSTERS
from regulars.simulator.plan import Plan

FIRST = (
    "Wei", "Fang", "Min", "Lei", "Jing", "Yan", "Hao", "Li", "Na", "Jun", "Anna", "Ben", "Clara",
    "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Karin", "Leo", "Maria", "Nora", "Oscar",
    "Paula", "Robert", "Sophie", "Thomas", "William",
)  # fmt: skip
LAST = (
    "Wang", "Li", "Zhang", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu", "Miller", "Smith",
    "Becker", "Rossi", "Novak", "Garcia", "Jansen", "Larsen", "Martin", "Dubois", "Keller", "Brown",
    "Wilson", "Taylor", "Anders",
)  # fmt: skip
NICKNAMES = {
    "Robert": "Bob",
    "William": "Bill",
    "Thomas": "Tom",
    "Maria": "Mia",
    "Sophie": "Sofie",
    "Henry": "Harry",
}
REASONS = ("price", "product_quality", "service", "moved_away", "competitor")
INCOME = ("under_60k", "60k_120k", "120k_240k", "over_240k")


@dataclass
class People:
    """Persons of one chunk, as parallel arrays; buyers come before prospects."""

    first: int
    rate: np.ndarray
    dropout: np.ndarray
    attitude: np.ndarray
    spend: np.ndarray
    acquired: np.ndarray
    is_web: np.ndarray
    has_both: np.ndarray
    is_prospect: np.ndarray
    store: np.ndarray
    cluster: np.ndarray
    promotion: np.ndarray
    reason: np.ndarray
    rate_score: np.ndarray
    spend_score: np.ndarray

    @property
    def count(self) -> int:
        """Persons of the chunk."""
        return len(self.rate)

    @property
    def number(self) -> np.ndarray:
        """Number of each person among all."""
        return np.arange(self.first, self.first + self.count)


def draw(plan: Plan, chunk: int, first: int, count: int) -> People:
    """Persons of one chunk."""
    random = plan.random(1, chunk)
    rate = random.gamma(plan.rate_shape, 1 / plan.rate_days, count)
    dropout = random.beta(plan.dropout_a, plan.dropout_b, count)
    rate_score = special.ndtri(np.clip(special.gammainc(plan.rate_shape, rate * plan.rate_days), 1e-9, 1 - 1e-9))
    dropout_score = special.ndtri(np.clip(special.betainc(plan.dropout_a, plan.dropout_b, dropout), 1e-9, 1 - 1e-9))
    is_web = random.random(count) < plan.web_share
    explained = (
        plan.attitude_of_rate * rate_score + plan.attitude_of_dropout * dropout_score + plan.attitude_of_web * is_web
    )
    noise = np.sqrt(1 - plan.attitude_of_rate**2 - plan.attitude_of_dropout**2)
    spend = random.gamma(6, 1 / 6, count)
    return People(
        first=first,
        rate=rate * plan.scale,
        dropout=dropout,
        attitude=explained + noise * random.standard_normal(count),
        spend=spend,
        acquired=random.random(count) * plan.days * 0.95,
        is_web=is_web,
        has_both=random.random(count) < plan.both_share,
        is_prospect=random.random(count) < plan.prospect_share,
        store=random.integers(0, plan.store_count, count),
        cluster=random.integers(0, len(CLUSTERS), count),
        promotion=random.beta(2, 5, count),
        reason=random.integers(0, len(REASONS), count),
        rate_score=rate_score,
        spend_score=special.ndtri(np.clip(special.gammainc(6, spend * 6), 1e-9, 1 - 1e-9)),
    )


def attitude_score(attitude: np.ndarray) -> np.ndarray:
    """True attitude on 0-100, of the standard normal one."""
    return 100 * special.ndtr(0.55 * attitude + 0.35)


def records(plan: Plan, chunk: int, people: People) -> pa.Table:
    """What both systems' customer records are made of: one row per person."""
    random = plan.random(2, chunk)
    count = people.count
    given, family = random.integers(0, len(FIRST), count), random.integers(0, len(LAST), count)
    birth = np.datetime64("1940-01-01") + random.integers(0, 365 * 66, count).astype("timedelta64[D]")
    city = people.store % len(CITIES)
    registered = np.datetime64(plan.start) + np.floor(people.acquired).astype("timedelta64[D]")
    columns = {
        "person": people.number,
        "first_name": np.array(FIRST)[given],
        "last_name": np.array(LAST)[family],
        "phone": np.char.add("138", np.char.zfill((people.number * 7919 % 10**8).astype(str), 8)),
        "street_number": random.integers(1, 400, count),
        "birth_date": birth,
        "gender": np.array(["female", "male", "other"])[random.choice(3, count, p=[0.52, 0.46, 0.02])],
        "income_band": np.array(INCOME)[random.integers(0, 4, count)],
        "city_number": city,
        "moved_city": random.integers(0, len(CITIES), count),
        "has_moved": random.random(count) < 0.06,
        "moved_date": registered + random.integers(30, max(31, plan.days), count).astype("timedelta64[D]"),
        "registered": registered,
        "has_till": ~people.is_web | people.has_both,
        "has_web": people.is_web | people.has_both,
        "typo": random.integers(0, 6, count),
        "channel_number": random.integers(0, 4, count),
        "household": people.number // 2,
        "shares_household": random.random(count) < 0.3,
        "consent": random.random(count) < 0.4 + 0.4 * special.ndtr(people.attitude),
        "is_member": random.random(count) < 0.7,
        "children": random.random(count) < 0.4,
        "referrer": np.where(
            random.random(count) < 0.04 + 0.08 * special.ndtr(people.attitude),
            people.first + random.integers(0, count, count),
            -1,
        ),
    }
    return pa.table(columns)


def truth(plan: Plan, people: People, orders: np.ndarray, last_day: np.ndarray, has_left: np.ndarray) -> pa.Table:
    """What is true of each person and no file says."""
    return pa.table(
        {
            "person": people.number,
            "purchase_rate_per_day": people.rate,
            "dropout_probability": people.dropout,
            "acquired_day": people.acquired,
            "order_count": orders,
            "last_purchase_day": last_day,
            "has_left": has_left,
            "churn_reason": np.where(has_left, np.array(REASONS)[people.reason], None),
            "lines_per_order": 1 + 3 * people.spend,
            "attitude_score": attitude_score(people.attitude),
            "need_cluster": np.array([name for name, _ in CLUSTERS])[people.cluster],
            "promotion_sensitivity": people.promotion,
            "is_prospect": people.is_prospect,
            "is_web": people.is_web,
        }
    )
