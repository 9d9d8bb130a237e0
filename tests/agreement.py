"""How far two partitions of the same things agree."""

from __future__ import annotations

from collections import Counter


def adjusted_rand_index(pairs: list[tuple[str, str]]) -> float:
    """Agreement of two partitions, 0 by chance and 1 at best (Hubert and Arabie 1985)."""

    def together(counts) -> float:
        return sum(n * (n - 1) / 2 for n in counts)

    both = together(Counter(pairs).values())
    ones, others = (together(Counter(pair[side] for pair in pairs).values()) for side in (0, 1))
    by_chance = ones * others / together([len(pairs)])
    return (both - by_chance) / ((ones + others) / 2 - by_chance)
