"""Hold'em's bots against each other: `python tests/measure_bots.py [hands]` prints big blinds won in 100 hands.

Every hand begins with 100 big blinds for everybody, so that one hand says nothing of the next; seats change with each.
Behind ± is the standard error. docs/explanation/bots.md has the figures.
"""

from __future__ import annotations

import sys
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from tavola.games.base import Entropy, Outcome, SeatIndex
from tavola.games.holdem.game import Holdem
from tavola.games.holdem.state import HoldemOptions, HoldemTable

TABLES = (
    ("tight", "loose"),
    ("tight", "random"),
    ("loose", "random"),
    ("tight", "tight", "loose", "loose", "random", "random"),
)
GAME, OPTIONS = Holdem(), HoldemOptions(seats=6)


def view_of(state: HoldemTable, seat: SeatIndex) -> dict[str, Any]:
    """The parts of a player's view that come from the game."""
    seats = {str(each.index): GAME.public_seat(state, OPTIONS, each.index) for each in state.seats}
    me = {"seat_index": seat, "legal": GAME.legal(state, OPTIONS, seat), **GAME.private_seat(state, OPTIONS, seat)}
    return {"me": me, "game": GAME.public(state, OPTIONS), "seats": seats}


def entropy(*numbers: int) -> Entropy:
    return Entropy(b"".join(number.to_bytes(8, "big") for number in numbers).ljust(32, b"\0"))


def taken(outcome: Any) -> HoldemTable:
    assert isinstance(outcome, Outcome), outcome
    assert isinstance(outcome.state, HoldemTable)
    return outcome.state


def hand(bots: tuple[str, ...], number: int) -> list[int]:
    """The chips that each seat wins in that hand."""
    state = GAME.open(OPTIONS)
    places = [SeatIndex(number) for number in range(len(bots))]
    for place in places:
        state = taken(GAME.sit_with(state, OPTIONS, place, 100 * OPTIONS.big_blind))
    before = [GAME.chips(state, place) for place in places]
    state, moves = taken(GAME.advance(state, OPTIONS, entropy(number))), 0
    while (seat := GAME.turn(state)) is not None:
        moves += 1
        move = GAME.bot(bots[seat], view_of(state, seat), entropy(number, moves))
        state = taken(GAME.play(state, OPTIONS, seat, move, entropy(number, moves, 1)))
    return [GAME.chips(state, place) - had for place, had in zip(places, before, strict=True)]


def main(hands: int) -> None:
    for table in TABLES:
        won: dict[str, list[float]] = {name: [] for name in table}
        for number in range(hands):
            turn = number % len(table)
            seats = (*table[turn:], *table[:turn])
            each = hand(seats, number)
            for name in won:
                mine = [chips for chips, bot in zip(each, seats, strict=True) if bot == name]
                won[name].append(fmean(mine) / OPTIONS.big_blind)
        told = (f"{name} {100 * fmean(w):+.0f} ± {100 * stdev(w) / sqrt(hands):.0f}" for name, w in won.items())
        print(f"{' '.join(table)}: {', '.join(told)} big blinds in 100 hands each, {hands} hands", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
