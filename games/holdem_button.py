"""Who plays the next hand, and where button and blinds go.

The dead-button rule: the big blind moves to the next player; the small blind is posted where the big blind was, the
button goes where the small blind was. Either seat may have become empty: then nobody posts the small blind, or the
button marks an empty seat. So nobody pays the big blind twice in a round, and nobody escapes it.

A newcomer (anyone who was not dealt into the last hand) is dealt in at once, and need not post anything, unless he sits
from the button to just before the big blind: there he waits until the button has passed him. When fewer than two could
play otherwise, nobody waits.

With two players the button posts the small blind. The first hand's button is the lowest taken seat.
"""

from __future__ import annotations

from typing import NamedTuple

from games.base import SeatIndex
from games.holdem_state import Table


class Places(NamedTuple):
    button: SeatIndex
    small_blind: SeatIndex
    big_blind: SeatIndex
    players: tuple[SeatIndex, ...]
    """In the order in which they are dealt to: from the first to the left of the button on."""


def next_places(table: Table, seats: int) -> Places | None:
    """None when fewer than two can play."""
    able = [seat for seat in table.seats if seat.chips and not seat.sitting_out and not seat.leaving]
    everybody = [seat.index for seat in able]
    if len(everybody) < 2:
        return None
    last = table.hand
    if last is None:
        return _afresh(everybody, everybody[2 % len(everybody) or 1], seats)
    big_blind = _after(last.big_blind, everybody, seats)
    reach = _distance(last.small_blind, big_blind, seats) or seats  # the button goes where the small blind was
    players = [seat.index for seat in able if seat.dealt or _distance(last.small_blind, seat.index, seats) >= reach]
    if len(players) <= 2:
        return _afresh(players if len(players) == 2 else everybody, big_blind, seats)
    return Places(last.small_blind, last.big_blind, big_blind, _from(last.small_blind, players, seats))


def _afresh(players: list[SeatIndex], big_blind: SeatIndex, seats: int) -> Places:
    """Small blind and button sit right before the big blind; with two players they are one."""
    order = _from(big_blind, players, seats)
    button = order[-2] if len(order) == 2 else order[-3]
    return Places(button, order[-2], big_blind, _from(button, players, seats))


def _distance(start: int, seat: int, seats: int) -> int:
    """Steps to the left from `start` to `seat`."""
    return (seat - start) % seats


def _after(start: int, players: list[SeatIndex], seats: int) -> SeatIndex:
    """The next player to the left of `start`, who comes last himself."""
    return min(players, key=lambda seat: _distance(start, seat, seats) or seats)


def _from(start: int, players: list[SeatIndex], seats: int) -> tuple[SeatIndex, ...]:
    """The players from the left of `start` on, `start` last."""
    return tuple(sorted(players, key=lambda seat: _distance(start, seat, seats) or seats))
