"""Common needs: kinds of customers by what they spend on, found in a sample of bounded size.

Spend shares are taken to the square root (Hellinger distance, Legendre and Gallagher 2001), so that many small
categories count for something and none at all is no outlier. Chance baskets differ too, so only as many principal
components are looked at as stand out from shuffled columns (parallel analysis, Horn 1965). In these, k-means groups
customers (Lloyd 1982, started by Arthur and Vassilvitskii 2007), into as many groups as give the widest average
silhouette (Rousseeuw 1987).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2, vq
from scipy.spatial.distance import cdist

SEED = 20240101  # any will do; fixed, so that the same customers give the same groups
STARTS = 4
SHUFFLES = 5
SILHOUETTE_SAMPLE = 1500
NAMED_BY = 3


@dataclass(frozen=True)
class Cluster:
    """One kind of customers.

    Args:
        name: the categories that set it apart, most telling first, ' + ' between them.
        categories: the same, one by one.
        weights, constant: a customer belongs where weights @ roots of shares + constant is largest.
        silhouette: average silhouette of the whole grouping, -1 to 1.
    """

    name: str
    categories: tuple[str, ...]
    weights: np.ndarray
    constant: float
    silhouette: float


def find_clusters(shares: np.ndarray, categories: list[str], most: int) -> list[Cluster]:
    """Group customers by their shares of spend; the largest group first.

    Args:
        shares: customers x categories, each row at least 0 and adding up to at most 1.
        categories: names of the columns.
        most: largest number of groups to try.

    Raises:
        ValueError: when shares are negative, not finite, or no customer differs from any other.
    """
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise ValueError("shares of spend must be finite and at least 0")
    # In an order that does not depend on who is who, then mixed, so that any part of it is a fair sample.
    shares = np.random.default_rng(SEED).permutation(shares[np.lexsort(shares.T[::-1])])
    rooted = np.sqrt(shares)
    if len(np.unique(rooted, axis=0)) < 3:
        raise ValueError("there are no two kinds of customers: fewer than three different baskets")
    mean = rooted.mean(axis=0)
    axes = components(rooted)
    placed = (rooted - mean) @ axes
    tried = [_grouped(placed, count) for count in range(2, most + 1)]
    width, centres, member = max((item for item in tried if item is not None), key=lambda item: item[0])
    overall = shares.mean(axis=0)
    found, names = [], set()
    order = sorted(range(len(centres)), key=lambda group: -int((member == group).sum()))
    for group in order:
        # What sets a group apart: where its mean share stands highest above everybody's.
        above = shares[member == group].mean(axis=0) - overall
        telling = sorted(range(len(categories)), key=lambda item: (-above[item], categories[item]))
        telling = telling[:NAMED_BY]
        name = " + ".join(categories[item] for item in telling if above[item] > 0) or categories[telling[0]]
        while name in names:
            name += " (also)"
        names.add(name)
        found.append(
            Cluster(
                name,
                tuple(categories[item] for item in telling),
                # |y - c|^2 is smallest where 2 y c - |c|^2 is largest, y = (roots - mean) @ axes.
                2 * axes @ centres[group],
                float(-2 * mean @ axes @ centres[group] - centres[group] @ centres[group]),
                width,
            )
        )
    return found


def components(points: np.ndarray) -> np.ndarray:
    """Principal axes that stand out from what shuffled columns show (Horn 1965): dimensions x axes, at least one.

    Args:
        points: points x dimensions.
    """
    values, axes = np.linalg.eigh(np.cov(points.T))
    values, axes = values[::-1], axes[:, ::-1]
    random = np.random.default_rng(SEED)
    by_chance = np.mean(
        [np.linalg.eigvalsh(np.cov(random.permuted(points, axis=0).T))[::-1] for _ in range(SHUFFLES)], axis=0
    )
    below = np.flatnonzero(values <= by_chance)
    return axes[:, : max(1, int(below[0]) if len(below) else len(values))]


def _grouped(points: np.ndarray, count: int) -> tuple[float, np.ndarray, np.ndarray] | None:
    """Best of several starts: silhouette, centres, each row's group; None where a group stays empty."""
    best = None
    for start in range(STARTS):
        centres, _ = kmeans2(points, count, iter=30, minit="++", rng=np.random.default_rng([SEED, count, start]))
        member, distance = vq(points, centres)
        if len(np.unique(member)) < count:
            continue
        spread = float((distance**2).sum())
        if best is None or spread < best[0] - 1e-9:
            best = (spread, centres, member)
    if best is None:
        return None
    _, centres, member = best
    return silhouette(points[:SILHOUETTE_SAMPLE], member[:SILHOUETTE_SAMPLE]), centres, member


def silhouette(points: np.ndarray, member: np.ndarray) -> float:
    """Average silhouette (Rousseeuw 1987): how much nearer points lie to their own group than to the next; -1 to 1.

    Args:
        points: points x dimensions.
        member: each point's group. A point alone in its group counts 0.
    """
    groups, member = np.unique(member, return_inverse=True)
    if len(groups) < 2:
        return -1.0
    indicator = np.eye(len(groups))[member]
    sizes = indicator.sum(axis=0)
    sums = cdist(points, points) @ indicator
    own = sums[np.arange(len(points)), member] / np.maximum(sizes[member] - 1, 1)
    others = sums / sizes
    others[np.arange(len(points)), member] = np.inf
    nearest = others.min(axis=1)
    wide = (nearest - own) / np.maximum(np.maximum(nearest, own), 1e-300)
    return float(np.where(sizes[member] > 1, wide, 0).mean())
