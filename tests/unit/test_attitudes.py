"""Loyalty of all from those who answered: against the planted truth, by hand, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from simulated import loyalty

from regulars.fits import attitudes
from regulars.fits.attitudes import Cells, estimate
from regulars.simulator import Plan, simulate

END, Z = "2025-12-31", 1.96


def retailer(root, seed: int, customers: int = 4000, **switches):
    simulate(Plan(customers, 24, seed, **switches), root)
    cells, truth, raw = loyalty(root, END)
    result = estimate(cells, 2, Z)
    return {item.quadrant: item for item in result.estimates if item.tier == "all"}, truth, raw, result


def distance(one: dict[str, float], other: dict[str, float]) -> float:
    return sum(abs(one[name] - other[name]) for name in one)


def play(tmp_path, seeds: range):
    covered, closer = [], []
    for seed in seeds:
        found, truth, raw, _ = retailer(tmp_path / str(seed), seed)
        covered += [found[name].low <= truth[name] <= found[name].high for name in truth]
        closer.append(distance({name: item.share for name, item in found.items()}, truth) < distance(raw, truth))
    return covered, closer


def test_corrected_shares_come_closer_and_intervals_cover(tmp_path):
    covered, closer = play(tmp_path, range(100, 104))
    assert sum(closer) == 4
    assert np.mean(covered) >= 0.75


@pytest.mark.prove
def test_intervals_cover_in_about_95_of_100(tmp_path):
    covered, closer = play(tmp_path, range(200, 300))
    assert np.mean(closer) >= 0.9
    assert 0.91 <= np.mean(covered) <= 0.99, np.mean(covered)


def test_no_weighting_repairs_answers_that_depend_on_attitude(tmp_path):
    """The truth lies far outside the interval; signs of it forbid trust, which they do not where answering is fair."""
    found, truth, _, result = retailer(tmp_path / "switched", 5, answers_by_attitude=True)
    assert truth["true"] + truth["latent"] < found["true"].low + found["latent"].low - 0.1
    assert result.evidence_z > 2.326
    liked = found["true"].share + found["latent"].share
    shifted = found["true"].shifted + found["latent"].shifted
    assert truth["true"] + truth["latent"] < shifted < liked, "half of the way back, for twice as readily"


@pytest.mark.prove
def test_signs_are_seldom_false_and_seldom_missed(tmp_path):
    fair = [retailer(tmp_path / f"f{seed}", seed)[3] for seed in range(30)]
    unfair = [retailer(tmp_path / f"u{seed}", seed, answers_by_attitude=True)[3] for seed in range(30)]
    signs = [[each.evidence_z > 2.326 for each in group] for group in (fair, unfair)]
    assert sum(signs[0]) <= 3
    assert sum(signs[1]) >= 27


def cells(**changed) -> Cells:
    """Two groups of 100: of the frequent 50 answered and 40 like it, of the others 20 and 5."""
    plain = {
        "tier": np.array(["A", "A", "D", "D"]),
        "channel": np.array(["store"] * 4),
        "repeat_band": np.array([1, 1, 0, 0]),
        "recency_band": np.zeros(4, int),
        "is_repeating": np.array([True, True, False, False]),
        "has_consent": np.full(4, -1),
        "answers_often": np.zeros(4, bool),
        "is_known": np.array([True, False, True, False]),
        "customers": np.array([50, 50, 20, 80]),
        "fond": np.array([40, 0, 5, 0]),
    }
    return Cells(**{**plain, **changed})


def test_poststratification_by_hand(monkeypatch):
    """Without the prior: 0.8 of 100 and 0.25 of 100 like it; raw it would be 45 of 70."""
    monkeypatch.setattr(attitudes, "PRIOR_SD", 1e4)
    found = {(item.tier, item.quadrant): item for item in estimate(cells(), 2, Z).estimates}
    assert found["all", "true"].share == pytest.approx(0.4, abs=1e-4)
    assert found["all", "latent"].share == pytest.approx(0.125, abs=1e-4)
    assert found["A", "true"].share == pytest.approx(0.8, abs=1e-4)
    assert found["A", "latent"].share == 0 == found["A", "latent"].high
    # Binomial error of 50 answers carried to the 50 silent, and their own chance.
    error = np.sqrt(50**2 * 0.16 / 50 + 50 * 0.16) / 100
    assert found["A", "true"].high - found["A", "true"].share == pytest.approx(Z * error, rel=1e-3)
    # p / (2 - p) = 2 / 3 of 100 like it, 40 of whom answered.
    assert found["A", "true"].shifted == pytest.approx(2 / 3, abs=1e-4)


def test_shares_add_up_to_one_in_every_tier():
    for readiness in (1, 2):
        result = estimate(cells(), readiness, Z)
        for tier in ("all", "A", "D"):
            items = [item for item in result.estimates if item.tier == tier]
            assert sum(item.share for item in items) == pytest.approx(1)
            assert sum(item.shifted for item in items) == pytest.approx(1)
    same = [(item.share, item.shifted) for item in estimate(cells(), 1, Z).estimates]
    np.testing.assert_allclose(*zip(*same, strict=True), atol=0.02)


def test_everybody_known_is_counted_and_certain():
    all_known = cells(is_known=np.ones(4, bool), fond=np.array([40, 10, 5, 0]))
    found = {(item.tier, item.quadrant): item for item in estimate(all_known, 2, Z).estimates}
    assert (found["all", "true"].share, found["all", "true"].low, found["all", "true"].high) == (0.25,) * 3


def test_nobody_known_is_refused():
    with pytest.raises(ValueError, match="nobody answered"):
        estimate(cells(is_known=np.zeros(4, bool)), 2, Z)


def test_effect_of_one_more_column_against_a_fisher_table():
    """Consent by answering, with nothing else known: the z of a logistic regression is that of the log-odds ratio."""
    flagged = cells(
        tier=np.array(["A"] * 4), repeat_band=np.zeros(4, int), is_repeating=np.ones(4, bool),
        has_consent=np.array([1, 1, 0, 0]), customers=np.array([60, 90, 20, 80]),
    )  # fmt: skip
    a, b, c, d = 60, 90, 20, 80
    z = np.log(a * d / b / c) / np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    assert estimate(flagged, 2, Z).consent_z == pytest.approx(z, rel=1e-4)
    assert stats.norm.sf(z) < 0.01
