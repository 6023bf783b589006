"""Main pot and side pots, from what each player has put in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Pot(NamedTuple):
    amount: int
    players: tuple[int, ...]
    """The players who may still win it."""


def pots_of(shares: Sequence[int], alive: Sequence[bool], dead: int) -> tuple[Pot, ...]:
    """`shares` is what each player has put in; `dead`, chips of the main pot that count for nobody."""
    pots: list[Pot] = []
    floor = 0
    for level in sorted({0, *shares}):
        amount = dead + sum(min(share, level) - floor for share in shares if share > floor)
        if not amount:
            continue
        players = tuple(player for player, share in enumerate(shares) if share >= level and alive[player])
        if pots and pots[-1].players == players:
            amount += pots.pop().amount
        pots.append(Pot(amount, players))
        floor, dead = level, 0
    return tuple(pots)
