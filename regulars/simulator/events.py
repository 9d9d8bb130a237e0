"""What else leaves a trace: sessions, surveys, the call centre, loyalty accounts, marketing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from regulars.simulator.orders import CAMPAIGN_DAYS, CAMPAIGNS, answer_probability, campaign_starts
from regulars.simulator.people import REASONS, People, attitude_score
from regulars.simulator.plan import Plan

ATTITUDE_SCALES = {
    "nps": (0, 10), "csat": (1, 5), "repurchase_intent": (1, 5), "recommend_intent": (1, 5), "trust": (1, 5),
}  # fmt: skip
KINDS = ("complaint", "question", "return", "praise")
ANSWER = pa.schema(
    [(name, pa.string()) for name in ("response_id", "survey", "metric", "touchpoint", "comment")]
    + [("person", pa.int64()), ("responded_at", pa.timestamp("s"))]
    + [(name, pa.float64()) for name in ("score", "scale_min", "scale_max")]
)
FREE_TEXT = "Frau Kommentar-Vertraulich, 13912345678, sagt es ganz offen"


def moment(plan: Plan, day: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Local time of a day of history and a second of that day."""
    start = np.datetime64(plan.start, "s")
    return start + (day.astype(np.int64) * 86400 + second.astype(np.int64)).astype("timedelta64[s]")


def member(person: np.ndarray) -> np.ndarray:
    """Number of a person at the till: eight digits, zeros first."""
    return np.char.zfill(person.astype(str), 8)


def web_user(person: np.ndarray) -> np.ndarray:
    """Number of a person in the web shop: overlaps with those of the till, and means somebody else."""
    return np.char.zfill((person + 5).astype(str), 8)


def sessions(plan: Plan, chunk: int, people: People, day, second, person, order_id) -> pa.Table:
    """Visits: one that ended in each web order, and others that did not, a third of them by nobody known."""
    random = plan.random(20, chunk)
    bought = len(day)
    looked = bought * 2
    # Those who bought looked around before, twice as often as they bought.
    like = random.integers(0, max(bought, 1), looked)
    before = random.integers(0, 20, looked)
    who = np.concatenate([person, person[like]])
    when = np.concatenate([day, np.clip(day[like] - before, 0, None)])
    clock = np.concatenate([np.maximum(second - 900, 0), random.integers(6 * 3600, 86000, looked)])
    count = len(who)
    known = np.concatenate([np.ones(bought, bool), random.random(count - bought) < 0.67])
    pages = 1 + random.poisson(4, count)
    is_order = np.arange(count) < bought
    source = random.integers(0, 4, count)
    return pa.table(
        {
            "session_id": np.char.add(f"w{chunk}-", np.arange(count).astype(str)),
            "visitor_id": np.char.add("v", (people.first + who).astype(str)),
            "customer_id": pa.array(web_user(people.first + who), mask=~known),
            "started_at": moment(plan, when, clock),
            "duration_seconds": 30 + random.gamma(2, 90, count).astype(int),
            "page_view_count": pages,
            "product_view_count": np.minimum(pages, random.poisson(2, count)),
            "cart_count": np.where(is_order, 1 + random.poisson(1, count), random.random(count) < 0.15).astype(int),
            "source": np.array(["search", "newsletter", "social", "direct"])[source],
            "medium": np.array(["organic", "email", "paid", "none"])[source],
            "device": np.array(["phone", "computer", "tablet"])[random.choice(3, count, p=[0.6, 0.32, 0.08])],
            "order_id": pa.array(np.concatenate([order_id, np.full(count - bought, "")]), mask=~is_order),
        }
    )


def stated(plan: Plan, chunk: int, people: People) -> dict[str, np.ndarray]:
    """What each person says of their attitude whenever asked, on each metric's own scale.

    A person's answers err, but always alike: so there is a truth of what everybody would say.
    """
    random = plan.random(26, chunk)
    true = attitude_score(people.attitude)
    answers = {}
    for metric, (low, high) in ATTITUDE_SCALES.items():
        noisy = np.clip(true + 9 * random.standard_normal(people.count), 0, 100)
        answers[metric] = np.round(low + (high - low) * noisy / 100)
    return answers


def stated_attitude(answers: dict[str, np.ndarray]) -> np.ndarray:
    """Mean of what they say, rescaled to 0 to 100."""
    scaled = []
    for metric, score in answers.items():
        low, high = ATTITUDE_SCALES[metric]
        scaled.append(100 * (score - low) / (high - low))
    return np.mean(scaled, axis=0)


def surveys(plan: Plan, chunk: int, people: People, attitudes, last_before) -> tuple[pa.Table, np.ndarray]:
    """Answers to a yearly survey of every buyer, in rounds a quarter apart; returns them and who ever answered.

    Args:
        attitudes: what each person says, from `stated`.
        last_before: function of a day: last order day of each person before it, -1 for none.
    """
    random = plan.random(21, chunk)
    parts, ever = [], np.zeros(people.count, bool)
    for round_number, day in enumerate(range(plan.days - 1, 90, -91)):
        last = last_before(day)
        invited = np.flatnonzero((last >= 0) & ((people.number + round_number) % 4 == 0))
        chance = answer_probability(plan, people, invited, day - last[invited])
        person = invited[random.random(len(invited)) < chance]
        ever[person] = True
        if not len(person):
            continue
        when = moment(plan, day - random.integers(0, 14, len(person)), random.integers(8 * 3600, 80000, len(person)))
        true = attitude_score(people.attitude[person])
        answers = [(metric, *ATTITUDE_SCALES[metric], scores[person]) for metric, scores in attitudes.items()]
        # Drivers of perceived value add up to the attitude: that is what a driver analysis must find.
        total = sum(plan.drivers.values())
        for driver, weight in plan.drivers.items():
            level = 50 + (true - 50) * (0.5 + weight / total) + 9 * random.standard_normal(len(person))
            answers.append((driver, 1, 5, np.round(1 + 4 * np.clip(level, 0, 100) / 100)))
        spent = np.minimum(100, people.spend[person] * 12 + 5 * people.reason[person])
        answers.append(("category_spend", 0, 20000, np.round(20000 * spent / 100)))
        for place, (metric, low, high, score) in enumerate(answers):
            parts.append(
                pa.table(
                    {
                        "person": people.first + person,
                        "response_id": np.char.add(f"r{chunk}-{round_number}-", person.astype(str)),
                        "responded_at": when,
                        "survey": np.full(len(person), "quarterly"),
                        "metric": np.full(len(person), metric),
                        "score": score.astype(float),
                        "scale_min": np.full(len(person), low),
                        "scale_max": np.full(len(person), high),
                        "touchpoint": np.where(people.is_web[person], "web", "store"),
                        "comment": pa.array([FREE_TEXT if place == 0 else None] * len(person), pa.string()),
                    }
                )
                .select(ANSWER.names)
                .cast(ANSWER)
            )
    return (pa.concat_tables(parts) if parts else ANSWER.empty_table()), ever


def cases(plan: Plan, chunk: int, people: People, last_day: np.ndarray, has_left: np.ndarray) -> pa.Table:
    """Matters raised with the call centre; who leaves for service or quality complains before."""
    random = plan.random(22, chunk)
    buyers = np.flatnonzero(last_day >= 0)
    usual = buyers[random.random(len(buyers)) < 0.06]
    angry = buyers[has_left[buyers] & np.isin(people.reason[buyers], [1, 2]) & (random.random(len(buyers)) < 0.35)]
    person = np.concatenate([usual, angry])
    count = len(person)
    is_angry = np.arange(count) >= len(usual)
    low = people.acquired[person].astype(int)
    day = np.where(is_angry, last_day[person], low + (random.random(count) * (plan.days - low)).astype(int))
    day = np.clip(day, 0, plan.days - 1)
    opened = moment(plan, day, random.integers(9 * 3600, 18 * 3600, count))
    wait = (random.gamma(1.5, 3600, count) * np.where(is_angry, 3, 1)).astype(int)
    kind = np.where(is_angry, 0, random.integers(0, len(KINDS), count))
    days_open = random.gamma(1.2, 2, count) + wait / 86400
    closed = opened + (days_open * 86400).astype("timedelta64[s]")
    is_open = closed > moment(plan, np.array([plan.days - 1]), np.array([86399]))[0]
    return pa.table(
        {
            "person": people.first + person,
            "case_id": np.char.add(f"c{chunk}-", np.arange(count).astype(str)),
            "opened_at": opened,
            "closed_at": pa.array(closed, mask=is_open),
            "channel": np.array(["phone", "email", "chat", "store"])[random.integers(0, 4, count)],
            "kind": np.array(KINDS)[kind],
            "reason": np.where(is_angry, np.array(REASONS)[people.reason[person]], "delivery"),
            "is_resolved": pa.array(random.random(count) < np.where(is_angry, 0.45, 0.9), mask=is_open),
            "first_response_seconds": pa.array(wait, mask=is_open),
            "updated_at": np.where(is_open, opened, closed),
        }
    )


def loyalty(plan: Plan, chunk: int, person, day, second, order_id, net) -> pa.Table:
    """Points earned with each member's till order, some redeemed; stored value topped up and spent."""
    random = plan.random(23, chunk)
    earned = len(person)
    points = np.floor(net)
    redeems = np.flatnonzero((random.random(earned) < 0.08) & (points >= 20))
    tops = np.flatnonzero(random.random(earned) < 0.04)
    later = np.minimum(second + 60, 86399)
    rows = [
        (np.arange(earned), later, "points", "earn", points, None),
        (redeems, second[redeems], "points", "redeem", -np.floor(points[redeems] / 2), None),
        (tops, np.maximum(second[tops] - 60, 0), "stored_value", "top_up", None, np.full(len(tops), 200.0)),
        (tops, second[tops], "stored_value", "spend", None, -np.minimum(net[tops], 200.0)),
    ]
    parts, first = [], 0
    for place, clock, account, event, value, amount in rows:
        count = len(place)
        parts.append(
            pa.table(
                {
                    "person": person[place],
                    "transaction_id": np.char.add(f"t{chunk}-", np.arange(first, first + count).astype(str)),
                    "occurred_at": moment(plan, day[place], clock),
                    "account": np.full(count, account),
                    "event": np.full(count, event),
                    "points": pa.array(value if value is not None else [None] * count, pa.float64()),
                    "amount": pa.array(np.round(amount, 2) if amount is not None else [None] * count, pa.float64()),
                    "order_id": order_id[place],
                }
            )
        )
        first += count
    return pa.concat_tables(parts)


def campaigns(plan: Plan) -> pa.Table:
    """Campaign records."""
    starts = [np.datetime64(plan.day(day), "s") for day in campaign_starts(plan)]
    return pa.table(
        {
            "campaign_id": [f"K{n}" for n in range(len(CAMPAIGNS))],
            "name": [item[0] for item in CAMPAIGNS],
            "kind": [item[1] for item in CAMPAIGNS],
            "channel": [item[2] for item in CAMPAIGNS],
            "started_at": starts,
            "ended_at": [start + np.timedelta64(CAMPAIGN_DAYS * 86400 - 1, "s") for start in starts],
            "fixed_cost_amount": [5000.0] * len(CAMPAIGNS),
            "objective": ["win sales"] * len(CAMPAIGNS),
        }
    )


def marketing(plan: Plan) -> pa.Table:
    """Daily spend of three channels."""
    random = plan.random(24)
    channels = ("search", "social", "newsletter")
    day = np.repeat(np.arange(plan.days), len(channels))
    count = len(day)
    impressions = random.poisson(4000, count)
    return pa.table(
        {
            "cost_date": np.datetime64(plan.start) + day.astype("timedelta64[D]"),
            "channel": np.tile(np.array(channels), plan.days),
            "spend_amount": np.round(random.gamma(4, 60, count), 2),
            "impressions": impressions,
            "clicks": random.binomial(impressions, 0.02),
        }
    )


def exchange_rates(plan: Plan) -> pa.Table:
    """Yuan per dollar, day by day, a slow walk."""
    random = plan.random(25)
    rate = 7.1 * np.exp(np.cumsum(random.normal(0, 0.002, plan.days)))
    return pa.table(
        {
            "rate_date": np.datetime64(plan.start) + np.arange(plan.days).astype("timedelta64[D]"),
            "currency": np.full(plan.days, "USD"),
            "rate": np.round(rate, 6),
        }
    )
