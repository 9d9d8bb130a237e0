"""A refresh that is killed at any moment leaves the last version whole, and the next one mends everything by itself."""

from __future__ import annotations

import os
import random
import time

import pytest
from conftest import orders

pytestmark = [pytest.mark.e2e, pytest.mark.prove]


def test_killed_at_random_moments(place):
    chance = random.Random(20261123)
    place.land("shop/order_lines.csv", orders(50))
    assert place.refresh().exit == 0
    for kill in range(int(os.environ.get("KILLS", "50"))):
        place.land(f"shop/order_lines/{kill}.csv", orders(10, first=1000 + 10 * kill))
        process = place.begin()
        time.sleep(chance.uniform(2, 22))
        place.kill(process)
        lines, customers, listed = place.query(
            "select (select count(*) from core.fct_order_lines), (select count(*) from profiling.customer_360),"
            " (select sum(accepted) from quality.load_history where status = 'current')"
        )[0]
        assert lines == customers == listed
        assert lines in {50 + 10 * done for done in range(kill + 2)}
    assert place.refresh().exit == 0
    assert place.query("select count(*) from core.fct_order_lines") == [(60 + 10 * kill,)]
    assert place.query("select count(*) from quality.reconciliation where difference_amount <> 0") == [(0,)]
