"""dbt's own unit tests: hand-checked rows for tricky models. They are for developers, so a refresh leaves them out."""

from __future__ import annotations

import pytest
from conftest import orders

pytestmark = pytest.mark.e2e


def test_dbt_unit_tests(place):
    from orchestration import dbt
    from regulars.home import Home

    place.land("shop/order_lines.csv", orders(5))
    assert place.refresh_here().exit == 0
    outcomes = dbt.unit_tests(Home.at(place.root))
    assert len(outcomes) >= 2
    assert [(outcome.name, outcome.message) for outcome in outcomes if not outcome.is_passed] == []
