"""One process refreshes again and again: DuckDB's own code died at the 35th refresh of one once (DECISIONS.md, 2026-12-01)."""

from __future__ import annotations

import os

import pytest
from conftest import orders

pytestmark = [pytest.mark.e2e, pytest.mark.prove]


def test_three_hundred_refreshes_in_one_process(place):
    count = int(os.environ.get("REFRESHES", "300"))
    for number in range(count):
        place.land(f"shop/order_lines/{number % 10}.csv", orders(3 + number, first=1000 * (number % 10)))
        outcome = place.refresh_here()
        assert outcome.exit == 0, (number, outcome.messages)
    expected = sum(3 + max(n for n in range(count) if n % 10 == file) for file in range(min(count, 10)))
    assert place.query("select count(*) from core.fct_orders") == [(expected,)]
