"""What the build rests on: which changes start it over, and which do not."""

import json

import pytest

from orchestration.basis import Basis, basis
from regulars.home import Home
from regulars.settings import SourceSettings


def test_a_new_source_system_changes_nothing_of_the_build():
    built = Basis("r", {"shop": "a"}).told()
    assert Basis("r", {"shop": "a"}).is_that_of(built)
    assert Basis("r", {"shop": "a", "web": "b"}).is_that_of(built)
    assert Basis("r", {}).is_that_of(built)
    assert not Basis("r", {"shop": "b"}).is_that_of(built)
    assert not Basis("s", {"shop": "a"}).is_that_of(built)


@pytest.mark.parametrize("built", [None, "", "{}", "not JSON", '{"rules": "r"}'])
def test_what_cannot_be_told_is_no_basis(built):
    assert not Basis("r", {}).is_that_of(built)


def test_vars_macros_and_keys_that_lines_rest_on_count_and_others_do_not(parsed, tmp_path, monkeypatch):
    manifest = json.loads((parsed.target() / "manifest.json").read_text())

    def rules(settings: str = "", currency: str | None = None) -> str:
        (tmp_path / "regulars.yml").write_text(settings)
        return basis(Home.at(tmp_path), manifest, {"shop": SourceSettings()}, currency).rules

    plain = rules()
    assert rules("vars: {at_risk_overdue_ratio: 2}\n") == plain
    assert rules("keep_versions: 5\n") == plain
    assert rules("vars: {window_months: 6, value_tier_month_ends: 2}\n") == plain
    assert rules("vars: {default_margin_rate: 0.4}\n") != plain
    assert rules("vars: {amount_tolerance: 1}\n") != plain
    assert rules("vars: {quantity_limit: 50}\n") != plain
    assert rules("time_zone: Asia/Tokyo\n") != plain
    assert rules(currency="EUR") != plain
    for macro in ("duckdb__product", "contract_faults", "duckdb__replace_changed", "changed_since_built"):
        macro = f"macro.regulars.{macro}"
        before = manifest["macros"][macro]["macro_sql"]
        manifest["macros"][macro]["macro_sql"] += " "
        assert rules() != plain, macro
        manifest["macros"][macro]["macro_sql"] = before
    monkeypatch.setenv("REGULARS_KEY", "another")
    assert rules() != plain
