"""The ratio of two systems by several slices of each: of their medians, and how sure it is. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

import msgspec

RESAMPLES = 4000
INTERVAL = 0.95


class Ratio(msgspec.Struct, frozen=True):
    """`low` to `high` is where the ratio of medians lies in 95 of 100 resamples of the pairs."""

    of_medians: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.of_medians:.3f} ({self.low:.3f} to {self.high:.3f})"


def ratio(ours: Sequence[float], base: Sequence[float], seed: int = 1) -> Ratio:
    """Slices by pair: `ours[n]` and `base[n]` were measured one after the other. A pair is drawn whole, so a
    mood of the machine that both of them met cancels out."""
    if not ours or len(ours) != len(base):
        raise ValueError(f"{len(ours)} and {len(base)} slices are no pairs")
    drawn = random.Random(seed)
    found = sorted(
        median(ours[n] for n in pairs) / median(base[n] for n in pairs)
        for pairs in (drawn.choices(range(len(ours)), k=len(ours)) for _ in range(RESAMPLES))
    )
    rest = (1 - INTERVAL) / 2
    at = [found[round(share * (RESAMPLES - 1))] for share in (rest, 1 - rest)]
    return Ratio(median(ours) / median(base), *at)


def order(systems: int, pairs: int) -> list[int]:
    """The turns, slice by slice: forwards and backwards in turn (A B B A …), so that neither is always first,
    and a drift is shared."""
    forwards = list(range(systems))
    return [n for pair in range(pairs) for n in (forwards if pair % 2 == 0 else forwards[::-1])]
