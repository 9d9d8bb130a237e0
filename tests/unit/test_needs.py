"""Common needs: groups that do not depend on the order of customers, and the measures they are judged by."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from agreement import adjusted_rand_index

from regulars.fits.needs import find_clusters, silhouette


def test_adjusted_rand_index():
    assert adjusted_rand_index([("a", "x")] * 5 + [("b", "y")] * 5) == 1
    assert adjusted_rand_index(list(product("abcd", "wxyz")) * 4) < 0
    # Hubert and Arabie's measure by hand: 3 pairs together in both, of 6 and 7; 15 pairs in all, 2.8 by chance.
    six = [("a", "x"), ("a", "x"), ("a", "x"), ("a", "y"), ("b", "x"), ("c", "z")]
    assert adjusted_rand_index(six) == pytest.approx((3 - 2.4) / (6 - 2.4))


def baskets(seed: int, noise: float, customers: int = 400) -> tuple[np.ndarray, list[str]]:
    """Shares of spend of four kinds of customers, three categories each, and noise on all twelve."""
    random = np.random.default_rng(seed)
    kind = np.arange(customers) % 4
    weights = np.full((customers, 12), noise)
    for number in range(3):
        weights[np.arange(customers), 3 * kind + number] += 1
    shares = random.gamma(weights)
    return shares / shares.sum(axis=1, keepdims=True), [f"category {n:02d}" for n in range(12)]


def members(shares: np.ndarray, categories: list[str], found) -> list[str]:
    scores = np.stack([np.sqrt(shares) @ cluster.weights + cluster.constant for cluster in found])
    return [found[place].name for place in scores.argmax(axis=0)]


@pytest.mark.parametrize("noise", [0.05, 0.4], ids=["clear_kinds", "shading_kinds"])
def test_needs_do_not_depend_on_the_order_of_customers(noise):
    """Rows shuffled: the same clusters, and everybody in the same one, borderline customers too."""
    for seed in range(3):
        shares, categories = baskets(seed, noise)
        first = members(shares, categories, find_clusters(shares, categories, 6))
        assert len(set(first)) >= 4
        for shuffle in range(4):
            order = np.random.default_rng([seed, shuffle]).permutation(len(shares))
            again = members(shares, categories, find_clusters(shares[order], categories, 6))
            assert sum(one != other for one, other in zip(first, again, strict=True)) == 0, (seed, shuffle)


@pytest.mark.parametrize("groups", [2, 3, 7])
def test_silhouette_against_a_plain_computation(groups):
    """Random points, some twice, and one that is alone in its group."""
    random = np.random.default_rng(groups)
    points = random.normal(size=(60, 3))
    points[10:15] = points[0]
    member = random.integers(0, groups, 60) * 10
    points, member = np.vstack([points, [[9.0, 9, 9]]]), np.append(member, 999)
    assert silhouette(points, member) == pytest.approx(plain_silhouette(points, member), abs=1e-12)
    assert silhouette(points, np.zeros(61)) == -1


def plain_silhouette(points: np.ndarray, member: np.ndarray) -> float:
    """Rousseeuw (1987), point by point."""
    widths = []
    for place, point in enumerate(points):
        distances = {
            group: [
                float(np.linalg.norm(point - other))
                for at, other in enumerate(points)
                if member[at] == group and at != place
            ]
            for group in set(member.tolist())
        }
        own = distances.pop(member[place])
        if not own:
            widths.append(0.0)
            continue
        a, b = sum(own) / len(own), min(sum(far) / len(far) for far in distances.values())
        widths.append(0.0 if a == b == 0 else (b - a) / max(a, b))
    return sum(widths) / len(widths)
