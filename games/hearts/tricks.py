"""The cards of Hearts: their order, what they cost, which may be played, and who takes a trick.

Several cards are one text, of two characters each: `2cQsAh`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tavola.games.cards import RANKS

ORDER = "cdsh"
"""The suits in a hand, side by side by colour."""
FIRST = "2c"
"""It leads the first trick."""
QUEEN = "Qs"
HAND = 13
ALL_POINTS = 26


def split(cards: str) -> list[str]:
    return [cards[at : at + 2] for at in range(0, len(cards), 2)]


def strength(card: str) -> int:
    """The rank, 0 for a two to 12 for an ace."""
    return RANKS.index(card[0])


def sorted_hand(cards: Iterable[str]) -> str:
    """By suit, and by rank within each."""
    return "".join(sorted(cards, key=lambda card: (ORDER.index(card[1]), strength(card))))


def worth(card: str) -> int:
    """The points of a card: one for a heart, thirteen for the queen of spades."""
    return 13 if card == QUEEN else int(card[1] == "h")


def winner(trick: list[str]) -> int:
    """The place in the trick of the card that takes it: the highest of the suit that was led."""
    return max(range(len(trick)), key=lambda at: (trick[at][1] == trick[0][1], strength(trick[at])))


def playable(hand: list[str], trick: list[str], broken: bool) -> list[str]:
    """The cards of `hand` that may be played to `trick`, which nobody has led to where it is empty. `broken`: a heart
    has been played in this hand."""
    first = len(hand) == HAND
    if not trick:
        if first:
            return [FIRST]
        others = [card for card in hand if card[1] != "h"]
        return hand if broken or not others else others
    following = [card for card in hand if card[1] == trick[0][1]]
    if following:
        return following
    free = [card for card in hand if not worth(card)] if first else []
    return free or hand
