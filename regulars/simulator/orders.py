"""Orders and their lines: when, by whom, through which channel, what at what price; and what campaigns move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from regulars.simulator.catalogue import PER_CATEGORY, Catalogue
from regulars.simulator.people import People
from regulars.simulator.plan import Plan

DOLLAR = 7.1  # yuan a dollar when web prices were set
CHANNELS = ("store", "web", "app")
# share of contacted persons, by campaign, who order once more because of it; None: nobody is held back
CAMPAIGNS = (
    ("Spring mail", "discount", "mail", 0.08, 0.2),
    ("Early summer", "coupon", "email", 0.12, 0.2),
    ("Nothing happens", "image", "email", 0.0, 0.2),
    ("Autumn coupon", "coupon", "mail", 0.1, 0.2),
    ("Broken draw", "discount", "sms", 0.06, 0.2),
    ("Everybody", "image", "email", 0.05, 0.0),
)
BROKEN, NULL_EFFECT = 4, 2
CAMPAIGN_DAYS = 21


@dataclass
class Orders:
    """Orders of one chunk as parallel arrays; person is the index within the chunk, -1 an anonymous sale."""

    person: np.ndarray
    day: np.ndarray
    second: np.ndarray
    channel: np.ndarray
    store: np.ndarray
    campaign: np.ndarray
    number: np.ndarray

    @property
    def count(self) -> int:
        """Orders of the chunk."""
        return len(self.person)

    @property
    def is_till(self) -> np.ndarray:
        """Whether the till wrote it, not the web shop."""
        return self.channel == 0


@dataclass
class Contacts:
    """Who was contacted by, or held back from, which campaign: parallel arrays."""

    person: np.ndarray
    campaign: np.ndarray
    is_control: np.ndarray
    has_responded: np.ndarray
    response_day: np.ndarray


def campaign_starts(plan: Plan) -> list[int]:
    """First day of each campaign, spread over the second half of history."""
    gap = plan.days // 2 // len(CAMPAIGNS)
    return [plan.days // 2 + n * gap for n in range(len(CAMPAIGNS))]


def purchases(plan: Plan, chunk: int, people: People) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Purchases by MBG/NBD: person, day (fraction), and who has left by the end."""
    random = plan.random(10, chunk)
    left = plan.days - people.acquired
    repeats = random.poisson(people.rate * left)
    lifetime = random.geometric(people.dropout)  # purchases until leaving, the first one included
    kept = np.minimum(repeats, lifetime - 1)
    has_left = lifetime <= repeats + 1
    person = np.repeat(np.arange(people.count), repeats)
    when = people.acquired[person] + random.random(len(person)) * left[person]
    order = np.lexsort((when, person))
    person, when = person[order], when[order]
    place = np.arange(len(person)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    alive = place < kept[person]
    person = np.concatenate([np.arange(people.count), person[alive]])
    when = np.concatenate([people.acquired, when[alive]])
    buys = ~people.is_prospect[person]
    return person[buys], when[buys], has_left & ~people.is_prospect


def contacts(plan: Plan, chunk: int, people: People, last_day: np.ndarray) -> Contacts:
    """Who each campaign reaches: a third of those who bought before; one draw is broken, one campaign does nothing."""
    random = plan.random(11, chunk)
    found = []
    for campaign, (_, _, _, effect, control_share) in enumerate(CAMPAIGNS):
        start = campaign_starts(plan)[campaign]
        known = (people.acquired < start) & ~people.is_prospect & (~people.is_web | people.has_both)
        person = np.flatnonzero(known & (random.random(people.count) < 0.33))
        share = np.full(len(person), control_share)
        if campaign == BROKEN:
            # Small spenders were held back more often than drawn: no verdict can be trusted.
            share = np.where(people.spend_score[person] < 0, 0.45, 0.15)
        is_control = random.random(len(person)) < share
        chance = effect * 2 * people.promotion[person] / 0.571 if plan.has_campaign_effects else np.zeros(len(person))
        responds = (random.random(len(person)) < chance) & ~is_control
        day = start + random.integers(1, CAMPAIGN_DAYS - 1, len(person))
        found.append((person, np.full(len(person), campaign), is_control, responds & (day < plan.days), day))
    return Contacts(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def orders(plan: Plan, chunk: int, people: People, person: np.ndarray, when: np.ndarray, reached: Contacts) -> Orders:
    """Orders of the chunk: purchases, those that campaigns caused, and anonymous ones at the till."""
    random = plan.random(12, chunk)
    caused = reached.has_responded
    anonymous = int(len(person) * plan.anonymous_share)
    person = np.concatenate([person, reached.person[caused], np.full(anonymous, -1)])
    day = np.concatenate(
        [np.floor(when).astype(int), reached.response_day[caused], random.integers(0, plan.days, anonymous)]
    )
    campaign = np.concatenate([np.full(len(when), -1), reached.campaign[caused], np.full(anonymous, -1)])
    count = len(person)
    online = np.where(person < 0, False, people.is_web[person])
    elsewhere = (random.random(count) < 0.25) & np.where(person < 0, False, people.has_both[person])
    online = online ^ elsewhere
    channel = np.where(online, np.where(random.random(count) < 0.35, 2, 1), 0)
    home = np.where(person < 0, random.integers(0, plan.store_count, count), people.store[person])
    store = np.where(random.random(count) < 0.85, home, random.integers(0, plan.store_count, count))
    # Shops are open from nine to nine; the web never sleeps, but buyers do.
    hour = np.where(online, 7 + 16 * random.beta(2.2, 1.6, count), 9 + 12 * random.beta(2, 1.8, count))
    order = np.lexsort((person, day))
    # Numbers rise with time, and chunks never share any.
    number = chunk * 10**8 + np.arange(1, count + 1)
    return Orders(
        person[order],
        day[order],
        (hour[order] * 3600).astype(int),
        channel[order],
        store[order],
        campaign[order],
        number,
    )


@dataclass
class Lines:
    """Order lines of one chunk as parallel arrays; order is the index within the chunk's orders. Amounts in yuan."""

    order: np.ndarray
    number: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    discount: np.ndarray
    coupon: np.ndarray


def lines(plan: Plan, chunk: int, people: People, catalogue: Catalogue, placed: Orders) -> Lines:
    """What was bought: by the person's kind and spend, popular products more often, reduced ones by the sensitive."""
    random = plan.random(13, chunk)
    known = placed.person >= 0
    spend = np.where(known, people.spend[placed.person], 0.8)
    cluster = np.where(known, people.cluster[placed.person], placed.number % 5)
    sensitive = np.where(known, people.promotion[placed.person], 0.25)
    size = 1 + random.poisson(3 * spend)
    order = np.repeat(np.arange(placed.count), size)
    count = len(order)
    number = np.arange(count) - np.repeat(np.cumsum(size) - size, size) + 1
    draw = random.random(count, dtype=np.float32)
    kind = cluster[order]
    category = np.zeros(count, dtype=np.int32)
    for item in range(catalogue.cumulative.shape[0]):
        chosen = kind == item
        category[chosen] = np.searchsorted(catalogue.cumulative[item], draw[chosen], side="right")
    category = np.minimum(category, catalogue.cumulative.shape[1] - 1)
    popular = (PER_CATEGORY * random.random(count, dtype=np.float32) ** 2).astype(np.int32)
    product = category * PER_CATEGORY + popular
    quantity = 1 + (random.random(count, dtype=np.float32) < 0.18) + (random.random(count, dtype=np.float32) < 0.05)
    price = catalogue.price[product]
    gross = np.round(price * quantity, 2)
    reduced = is_promoted(product, placed.store[order], placed.day[order]) | (
        random.random(count, dtype=np.float32) < 0.25 * sensitive[order]
    )
    discount = np.where(reduced, np.round(gross * 0.2, 2), 0.0)
    redeemed = (placed.campaign[order] >= 0) & np.isin(placed.campaign[order], COUPON_CAMPAIGNS) & (number == 1)
    coupon = np.where(redeemed, np.round((gross - discount) * 0.15, 2), 0.0)
    return Lines(order, number, product, quantity, price, discount, coupon)


COUPON_CAMPAIGNS = [n for n, item in enumerate(CAMPAIGNS) if item[1] == "coupon"]


def is_promoted(product: np.ndarray, store: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Whether a product is on promotion in a store that week: a fixed rota, one product in thirty."""
    return (product * 31 + (store % 3) * 7 + day // 7) % 30 == 0


def answer_probability(plan: Plan, people: People, person: np.ndarray, days_since: np.ndarray) -> np.ndarray:
    """How likely an invited person answers: by spend, recency and channel, which go along with attitude."""
    recency = -np.log1p(days_since / 30)
    odds = (
        plan.answer_base
        + plan.answer_of_spend * people.spend_score[person]
        + plan.answer_of_recency * recency
        + plan.answer_of_web * people.is_web[person]
    )
    if plan.answers_by_attitude:
        odds = odds + plan.answer_of_attitude * people.attitude[person]
    return special.expit(odds)
