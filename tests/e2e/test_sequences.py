"""Whatever happened on the way, a refreshed home equals one that is built at once from what counts in the end."""

from __future__ import annotations

import itertools
import os
import shutil
import time

import pytest
from conftest import Place, call_here, contents
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

HEADER = "order_id,ordered_at,customer_id,product_id,quantity,unit_price\n"
DAYS = [f"2024-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in (3, 14, 27)]
# A correction may take away most of a small table here, which the gate on volumes would rightly stop.
ALLOWED = "volume_drop_limit_rate: 1"
SETTINGS = [
    f"vars: {{{ALLOWED}}}\n",
    f"vars: {{{ALLOWED}, at_risk_overdue_ratio: 2, rfm_octant_cutoff: median}}\n",
    f"vars: {{{ALLOWED}, rows_spelt_out: 0}}\nthreads: 1\n",
]
lines = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.sampled_from(["c1", "c2", "c3", "c4", "", "c5"]),
        st.sampled_from(["p1", "p2", ""]),
        st.sampled_from(["1", "2", "-1", "many"]),
        st.sampled_from(["1.00", "9.99", "250"]),
        st.sampled_from(["", "", "shared"]),
    ),
    min_size=1,
    max_size=6,
)


class Sequences(RuleBasedStateMachine):
    """Files that arrive, are corrected, withdrawn and cleaned up; as-of days, settings and crashes."""

    new_place = None
    numbers = itertools.count()

    @initialize()
    def begin(self) -> None:
        self.place: Place = type(self).new_place(f"sequence{next(self.numbers)}")
        self.files: dict[str, str] = {}
        self.gone: set[str] = set()  # corrected before: what a withdrawal would bring back is another story
        self.counted: set[str] = set()
        self.as_of: str | None = None
        self.setting = SETTINGS[0]
        self.is_stale = True
        self.arrive([("2024-01-03", "c1", "p1", "1", "9.99", "shared"), ("2024-02-14", "c2", "p2", "2", "1.00", "")])

    def _text(self, name: str, rows) -> str:
        # Some orders lie in several files.
        return HEADER + "".join(
            f"{shared or f'{name}-{n // 2}'},{','.join(row)}\n" for n, (*row, shared) in enumerate(rows)
        )

    def _land(self, name: str, text: str) -> None:
        self.files[name] = text
        self.place.land(f"shop/{name}", text)
        self.is_stale = True

    @rule(rows=lines)
    def arrive(self, rows) -> None:
        name = f"order_lines/{len(self.files)}.csv"
        self._land(name, self._text(f"f{len(self.files)}", rows))

    @rule(channel=st.sampled_from(["web", "friend"]), day=st.sampled_from(DAYS))
    def learn_of_customers(self, channel: str, day: str) -> None:
        rows = "".join(f"{customer},{channel},{day}\n" for customer in ("c1", "c3"))
        self._land(f"customers/{len(self.files)}.csv", "customer_id,acquisition_channel,updated_at\n" + rows)

    @rule(rows=lines, data=st.data())
    def correct(self, rows, data) -> None:
        name = data.draw(st.sampled_from(sorted(name for name in self.files if name.startswith("order_lines"))))
        self.gone.add(name)
        self.counted.discard(name)  # what it holds now
        self._land(name, self._text(name.split("/")[1], rows))

    @precondition(lambda self: len(self.counted - self.gone) > 1)
    @rule(data=st.data())
    def withdraw(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.counted - self.gone)))
        done = call_here("withdraw", f"shop/{name}", "--home", self.place.root)
        assert done.exit == 0, done.text
        del self.files[name]
        self.counted.discard(name)
        self.is_stale = True

    @precondition(lambda self: self.counted)
    @rule(data=st.data())
    def clean_up(self, data) -> None:
        """A file that was loaded leaves the landing zone: its rows stay."""
        (self.place.landing / "shop" / data.draw(st.sampled_from(sorted(self.counted)))).unlink(missing_ok=True)

    @rule(as_of=st.sampled_from([None, "2024-02-20"]), setting=st.sampled_from(SETTINGS))
    def decide(self, as_of: str | None, setting: str) -> None:
        self.as_of, self.setting, self.is_stale = as_of, setting, True

    @rule(seconds=st.floats(1, 14))
    def crash(self, seconds: float) -> None:
        self._settings(self.place)
        process = self.place.begin()
        time.sleep(seconds)
        self.place.kill(process)
        self.is_stale = True

    def _settings(self, place: Place) -> None:
        place.settings("quarantine_limit_rate: 1\npublish_source_customer_ids: true\n" + self.setting)

    @precondition(lambda self: self.is_stale)
    @rule()
    def refresh(self) -> None:
        self._settings(self.place)
        # What was cleaned up before it was ever published is lost with its file; here nothing is.
        for name, text in self.files.items():
            if name not in self.counted:
                self.place.land(f"shop/{name}", text)
        outcome = self.place.refresh_here(as_of=self.as_of)
        assert outcome.exit == 0, outcome.messages
        self.counted = set(self.files)
        self.is_stale = False
        at_once: Place = type(self).new_place(f"at_once{next(self.numbers)}")
        self._settings(at_once)
        for name, text in self.files.items():
            at_once.land(f"shop/{name}", text)
        outcome = at_once.refresh_here(as_of=self.as_of)
        assert outcome.exit == 0, outcome.messages
        found, expected = contents(self.place), contents(at_once)
        assert {name for name in expected if found.get(name) != expected[name]} == set()
        assert set(found) == set(expected)
        shutil.rmtree(at_once.root)

    def teardown(self) -> None:
        if hasattr(self, "place") and self.is_stale:
            self.refresh()
        if hasattr(self, "place"):
            shutil.rmtree(self.place.root, ignore_errors=True)


def test_sequences(new_place):
    Sequences.new_place = staticmethod(new_place)
    run_state_machine_as_test(
        Sequences,
        settings=settings(
            max_examples=int(os.environ.get("SEQUENCES", "5")),
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
