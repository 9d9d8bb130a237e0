"""What is planted: sizes, parameters and switches of one simulated retailer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

CHUNK = 250_000  # persons simulated at a time, so that memory does not grow with the retailer


@dataclass(frozen=True)
class Plan:
    """One simulated retailer. Days count from `start`; rates are per day."""

    customers: int
    months: int
    seed: int
    scale: float = 1.0
    dirty_rate: float = 0.0
    answers_by_attitude: bool = False
    has_campaign_effects: bool = True
    end: date = date(2025, 12, 31)

    # MBG/NBD: rate ~ gamma(shape, rate days), dropout ~ beta(a, b)
    rate_shape: float = 0.8
    rate_days: float = 55.0
    dropout_a: float = 1.1
    dropout_b: float = 7.0

    # attitude, a standard normal, goes along with behaviour
    attitude_of_rate: float = 0.45
    attitude_of_dropout: float = -0.35
    attitude_of_web: float = 0.30

    # who answers surveys: log-odds
    answer_base: float = -1.6
    answer_of_spend: float = 0.8
    answer_of_recency: float = 1.0
    answer_of_web: float = 0.5
    answer_of_attitude: float = 1.2  # only with answers_by_attitude

    # satisfaction = weighted drivers of perceived value + noise
    drivers: dict[str, float] = field(
        default_factory=lambda: {
            "product_quality": 0.35,
            "service_quality": 0.25,
            "price": 0.2,
            "brand_image": 0.15,
            "company_image": 0.05,
        }
    )
    store_count: int = 12
    web_share: float = 0.3  # persons whose main channel is the web shop
    both_share: float = 0.12  # persons with a record in both systems
    prospect_share: float = 0.1
    anonymous_share: float = 0.1  # of till orders, besides those of known persons

    @property
    def days(self) -> int:
        """Length of history in days."""
        return (self.end - self.start).days + 1

    @property
    def start(self) -> date:
        """First day: the first of the month, `months` months before the end."""
        count = self.end.year * 12 + self.end.month - self.months
        return date(count // 12, count % 12 + 1, 1)

    def day(self, offset: int) -> date:
        """Date of a day of history."""
        return self.start + timedelta(days=int(offset))

    def random(self, *stream: int) -> np.random.Generator:
        """Random numbers of one stream: independent of every other stream, the same on every machine."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *stream])))

    def parameters(self) -> dict[str, Any]:
        """Everything planted that is one figure, for the truth."""
        return {**asdict(self), "end": self.end.isoformat(), "start": self.start.isoformat(), "days": self.days}
