"""The players of the next hand, where button and blinds go, and who owes a blind.

The dead-button rule: the big blind moves to the next player; the small blind is posted where the big blind was, the
button goes where the small blind was. Either seat may have become empty, or its player sit out: then nobody posts the
small blind, or the button marks a seat that is not dealt in. So nobody pays the big blind twice in a round, and nobody
escapes it:

- A player who sits out, or has no chips, while the big blind passes their seat owes a big blind and, since the small
  blind follows it, a small blind. A player who stays out only when the small blind is theirs owes that.
- A newcomer (they have just taken their seat) owes a big blind, if a hand was dealt at this table before: else one
  could leave before the blinds and come back after them.
- A player who owes posts it with the first hand that they are dealt: the big blind is a live bet, the small blind is
  dead. If they are the big blind of that hand, that settles it.
- A player who was not dealt into the last hand is dealt in at once, unless they sit from the button to just before the
  big blind: there they wait until the button has passed them.
- When only two play, what they owe is settled by their blinds. When at most one player of the last hand is left, all
  begin anew: nobody waits, and what was owed is forgotten.

With two players the button posts the small blind. The first hand's button is the lowest taken seat.
"""

from __future__ import annotations

from typing import NamedTuple

from tavola.games.base import SeatIndex
from tavola.games.holdem.rules import MISSED_BIG_BLIND, MISSED_SMALL_BLIND
from tavola.games.holdem.state import MOST_SEATS, HoldemSeat, HoldemTable

CIRCLE = MOST_SEATS
"""Seats are counted round the largest table: that there are fewer is the same as that the rest is empty."""


class Places(NamedTuple):
    button: SeatIndex
    small_blind: SeatIndex
    big_blind: SeatIndex
    players: tuple[SeatIndex, ...]
    """In the order in which they are dealt to: from the first to the left of the button on."""
    posts: tuple[int, ...] = ()
    """The blinds that each of them owes and posts (`HoldemSeat.owes`); empty when nobody does."""


def next_places(table: HoldemTable) -> Places | None:
    """None when fewer than two can play."""
    able = [seat for seat in table.seats if seat.plays]
    everybody = [seat.index for seat in able]
    if len(everybody) < 2:
        return None
    last = table.hand
    if last is None:
        return _afresh(everybody, everybody[2 % len(everybody) or 1])
    big_blind = _after(last.big_blind, everybody)
    if sum(seat.dealt for seat in able) < 2:
        return _afresh(everybody, big_blind)
    reach = _distance(last.small_blind, big_blind) or CIRCLE  # the button goes where the small blind was
    players = [seat.index for seat in able if seat.dealt or _distance(last.small_blind, seat.index) >= reach]
    if len(players) == 2:
        return _afresh(players, big_blind)
    order = _from(last.small_blind, players)
    owed = {seat.index: seat.owes for seat in able if seat.index != big_blind}
    posts = tuple(owed.get(seat, 0) for seat in order)
    return Places(last.small_blind, last.big_blind, big_blind, order, posts if any(posts) else ())


def owes_after(table: HoldemTable, places: Places, seat: HoldemSeat) -> int:
    """The blinds that `seat` owes once the next hand is dealt so."""
    if seat.index in places.players:
        return 0
    if table.hand is None or seat.plays:
        return seat.owes
    passed = _distance(table.hand.big_blind, seat.index)
    if 0 < passed < _distance(table.hand.big_blind, places.big_blind):
        return MISSED_BIG_BLIND | MISSED_SMALL_BLIND
    return seat.owes | (MISSED_SMALL_BLIND if seat.index == places.small_blind else 0)


def _afresh(players: list[SeatIndex], big_blind: SeatIndex) -> Places:
    """Small blind and button sit right before the big blind; with two players they are one."""
    order = _from(big_blind, players)
    button = order[-2] if len(order) == 2 else order[-3]
    return Places(button, order[-2], big_blind, _from(button, players))


def _distance(start: int, seat: int) -> int:
    """Steps to the left from `start` to `seat`."""
    return (seat - start) % CIRCLE


def _after(start: int, players: list[SeatIndex]) -> SeatIndex:
    """The next player to the left of `start`, who comes last themselves."""
    return min(players, key=lambda seat: _distance(start, seat) or CIRCLE)


def _from(start: int, players: list[SeatIndex]) -> tuple[SeatIndex, ...]:
    """The players from the left of `start` on, `start` last."""
    return tuple(sorted(players, key=lambda seat: _distance(start, seat) or CIRCLE))
