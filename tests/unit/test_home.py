"""A home: its lock, its fingerprint, and the ledger's memory."""

from __future__ import annotations

import os

import pytest

from regulars.errors import UserError
from regulars.home import Fingerprint, Home, landed_paths


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path)
    home.prepare()
    folder = home.landing / "shop"
    folder.mkdir(parents=True)
    (folder / "order_lines.csv").write_text("a\n")
    (home.root / "published").mkdir()
    (home.root / "published" / "warehouse.duckdb").write_text("")
    return home


def test_the_same_again_is_unchanged_and_anything_else_is_not(home, monkeypatch):
    def is_unchanged(as_of=None) -> bool:
        return Fingerprint(Home.at(home.root), {"as_of": as_of}).is_unchanged()

    assert not is_unchanged()
    Fingerprint(home, {"as_of": None}).write()
    assert is_unchanged()
    assert not is_unchanged("2024-01-01")
    path = home.landing / "shop" / "order_lines.csv"
    os.utime(path)
    assert is_unchanged()
    path.write_text("b\n")
    assert not is_unchanged()
    path.write_text("a\n")
    assert is_unchanged()
    monkeypatch.setenv("REGULARS_KEY", "another")
    assert not is_unchanged()
    monkeypatch.undo()
    home.settings_file.write_text("time_zone: UTC\n")
    assert not is_unchanged()


def test_a_fingerprint_that_cannot_be_read_means_changed(home):
    Fingerprint(home, {}).write()
    (home.build / "fingerprint.json").write_text("{")
    assert not Fingerprint(home, {}).is_unchanged()


def test_one_holder_at_a_time_and_it_is_named(home):
    with (
        home.lock("first"),
        pytest.raises(UserError, match=rf"first, process {os.getpid()}"),
        home.lock("second"),
    ):
        pass
    with home.lock("third"):
        assert home.lock_holder().startswith("third")
    assert home.lock_holder() == ""


def test_hidden_files_are_not_landed(home):
    (home.landing / "shop" / ".order_lines.csv.part").write_text("")
    (home.landing / ".trash").mkdir()
    (home.landing / ".trash" / "x.csv").write_text("")
    assert [path.name for path in landed_paths(home.landing)] == ["order_lines.csv"]


def test_the_dagster_file_follows_a_moved_home_and_leaves_an_own_one(home, tmp_path):
    moved = Home.at(home.root.rename(tmp_path.parent / f"{tmp_path.name}-moved"))
    moved.prepare()
    assert str(moved.root) in (moved.dagster / "dagster.yaml").read_text()
    (moved.dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    moved.prepare()
    assert (moved.dagster / "dagster.yaml").read_text() == "telemetry:\n  enabled: false\n"
