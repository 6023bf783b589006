"""Two who play hold'em by the strength of their hand and by pot odds: a tight one and a loose one.

They know what their seat sees, and nothing else. A hand's strength is the share of pots that it wins against as many
random hands as others are still in, over boards dealt at random. Random hands bet at random, and people do not: so each
asks for more than the odds alone would, by as much more as the bet is large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tavola.games.base import Entropy, Json, Move
from tavola.games.cards import DECK, draw, stream
from tavola.games.holdem.hands import best

SAMPLES = 60
"""Boards that are dealt for one decision: the share is right to about 6 in 100, and takes some 5 ms."""


class Style(NamedTuple):
    """The habits of a bot. Shares are of 1."""

    margin: float
    """Above the pot odds, before it calls; this much again for a bet as large as the pot."""
    value: float
    """Times a fair share of the pot, above which it bets or raises by itself."""
    bluff: float
    """How often it bets where it would check."""


STYLES = {
    "tight": Style(margin=0.08, value=1.55, bluff=0.03),
    "loose": Style(margin=-0.02, value=1.3, bluff=0.15),
}


class Spot(NamedTuple):
    """The things that a seat sees when it is to act. Amounts are chips."""

    cards: list[str]
    board: list[str]
    others: int
    """Players who are still in, oneself aside."""
    pot: int
    to_call: int
    bet: int
    """That lies before the seat already."""
    chips: int


def spot(view: Mapping[str, Json]) -> Spot:
    """Of a player's view (protocol.md section 4) on their turn."""
    me, hand, seats = view["me"], view["game"]["hand"], view["seats"]
    mine = seats[str(me["seat_index"])]
    pot = sum(each["amount"] for each in hand["pots"]) + sum(each["bet"] for each in seats.values())
    others = sum(1 for each in seats.values() if each["in_hand"]) - 1
    to_call = min(hand["current_bet"] - mine["bet"], mine["chips"])
    return Spot(me["hole_cards"], hand["board"], others, pot, to_call, mine["bet"], mine["chips"])


def strength(cards: list[str], board: list[str], others: int, chance: Iterator[int], samples: int = SAMPLES) -> float:
    """The share of the pot that these cards win against so many random hands: 0 to 1."""
    rest = [card for card in DECK if card not in cards and card not in board]
    missing, won = 5 - len(board), 0.0
    for _ in range(samples):
        dealt = draw(rest, missing + 2 * others, chance)
        full = "".join(board + dealt[:missing])
        mine = best("".join(cards) + full).value
        theirs = [best("".join(dealt[at : at + 2]) + full).value for at in range(missing, len(dealt), 2)]
        top = max(theirs, default=-1)
        if mine > top:
            won += 1.0
        elif mine == top:
            won += 1 / (1 + theirs.count(top))
    return won / samples


def choose(name: str, view: Mapping[str, Json], entropy: Entropy) -> Move:
    """The move of the bot of that name, one of `STYLES`."""
    style, at = STYLES[name], spot(view)
    legal = {entry["move"]: entry for entry in view["me"]["legal"]}
    chance = stream(entropy, b"tavola/holdem/bot")
    share = strength(at.cards, at.board, at.others, chance)
    fair = 1 / (at.others + 1)
    wants = share > min(0.9, style.value * fair) or (not at.to_call and next(chance) < 256 * style.bluff)
    odds = at.to_call / (at.pot + at.to_call) if at.to_call else 0.0
    needed = odds + style.margin * (1 + at.to_call / max(1, at.pot))
    if at.to_call and share < needed:
        return Move("fold")
    raising = next((legal[move] for move in ("bet", "raise") if move in legal), None)
    # Against a raise it needs still more to raise again, or two of them would do so until all is in.
    if wants and raising is not None and (not at.to_call or share > needed + 0.15):
        return _raised(raising, at, next(chance))
    if wants and raising is None and "all_in" in legal:
        return Move("all_in")
    return Move("call" if at.to_call else "check")


def _raised(offer: Mapping[str, Json], at: Spot, chance: int) -> Move:
    """To between half the pot and all of it, on top of the call."""
    least, most = offer["amount"]["min"], offer["amount"]["max"]
    size = (at.pot + at.to_call) * (128 + chance // 2) // 256
    return Move(offer["move"], {"amount": max(least, min(most, at.bet + at.to_call + size))})
