"""How strong the best five of some cards are, by pokerkit's table of hands.

pokerkit tries all 21 fives of seven cards and looks each up by parsing and hashing it: 350 µs. Only ranks decide unless
five cards share a suit, so what seven ranks are worth is worked out once and kept.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import combinations
from typing import NamedTuple

from pokerkit import Card, Rank, StandardHighHand, Suit


class Strength(NamedTuple):
    """Compares as hands do: the greater wins, equals split."""

    value: int
    name: str
    """For people, such as `Full house`."""


def best(cards: str) -> Strength:
    """Of five cards or more, such as `AhKh2c3d4s`."""
    ranks, suits = cards[::2], cards[1::2]
    for suit in "cdhs":
        if suits.count(suit) >= 5:  # then no full house and no four of a kind is possible
            flush = sorted(rank for rank, its in zip(ranks, suits, strict=True) if its == suit)
            return max(_five("".join(five), True) for five in combinations(flush, 5))
    return _by_ranks("".join(sorted(ranks)))


@lru_cache(8192)
def _by_ranks(ranks: str) -> Strength:
    return max(_five("".join(five), False) for five in combinations(ranks, 5))


@cache
def _five(ranks: str, suited: bool) -> Strength:
    """Five cards of these ranks in order. There are 7,462 answers in all."""
    suits = "sssss" if suited else "shdcs"  # equal ranks stand side by side and get different suits
    cards = tuple(Card(Rank(rank), Suit(suit)) for rank, suit in zip(ranks, suits, strict=True))
    entry = StandardHighHand.lookup.get_entry(cards)
    return Strength(entry.index, entry.label.value)
