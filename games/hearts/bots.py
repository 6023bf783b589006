"""The bot of Hearts: it ducks what it can, throws away what costs, and remembers nothing but the trick that it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tavola.games.base import Json, Move
from tavola.games.hearts.tricks import QUEEN, strength, winner, worth

ABOVE_THE_QUEEN = ("Ks", "As")


def cautious(view: Mapping[str, Json]) -> Move:
    """Of a player's view (protocol.md section 4) on their turn."""
    me = view["me"]
    hand: list[str] = me["hand"]
    [entry] = me["legal"]
    if entry["move"] == "pass":
        worst = sorted(hand, key=lambda card: _danger(card, hand))[-3:]
        return Move("pass", {"cards": "".join(card for card in hand if card in worst)})
    legal: list[str] = entry["card"]["choices"]
    trick = [each["card"] for each in view["game"]["trick"]]
    if not trick:
        card = _led(legal, hand)
    elif legal[0][1] == trick[0][1]:
        card = _followed(legal, trick)
    else:
        card = max(legal, key=lambda card: _danger(card, hand))
    return Move("play", {"card": card})


def _danger(card: str, hand: Sequence[str]) -> int:
    """How gladly one is rid of it: the queen of spades most, and what might take her; then high hearts; then high cards
    of suits of which there are few left to hide behind."""
    suit = [each for each in hand if each[1] == card[1]]
    guarded = card[1] == "s" and len(suit) > 4
    if card == QUEEN:
        return 0 if guarded else 100
    if card in ABOVE_THE_QUEEN:
        return 10 if guarded or QUEEN in hand else 80
    if card[1] == "s":
        return strength(card) - 12
    return 2 * strength(card) + 12 * worth(card) - 3 * len(suit)


def _led(legal: Sequence[str], hand: Sequence[str]) -> str:
    """A low card, for others to take; small spades first, which bring out the queen, if nothing is to be feared of
    that."""
    small = [card for card in legal if card[1] == "s" and card != QUEEN and card not in ABOVE_THE_QUEEN]
    if small and not {QUEEN, *ABOVE_THE_QUEEN} & {*hand}:
        return small[-1]
    return min(legal, key=lambda card: (card == QUEEN, card in ABOVE_THE_QUEEN, strength(card)))


def _followed(legal: Sequence[str], trick: Sequence[str]) -> str:
    """The highest card that does not take the trick: the queen of spades above all. Where each would take it, the
    highest if nobody comes after, and no points or no choice; else the lowest."""
    best = trick[winner([*trick])]
    under = [card for card in legal if strength(card) < strength(best)]
    if under:
        return QUEEN if QUEEN in under else under[-1]
    others = [card for card in legal if card != QUEEN] or legal
    return others[-1] if len(trick) == 3 else others[0]
