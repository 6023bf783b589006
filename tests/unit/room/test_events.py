"""The events of a room, in random lives of it, are what the tables of events say: no other kind, field or audience."""

from __future__ import annotations

import random

import pytest
from msgspec import UNSET

from kit.room_script import Script, opened, steps
from kit.rooms import info
from tavola.actors.room.state import Decision, RoomEvent
from tavola.actors.wire import events
from tavola.actors.wire.commands import UserId
from tavola.games import tictactoe
from tavola.games.auction import events as auction_events
from tavola.games.base import SeatIndex
from tavola.games.events import EventSpec, EventTable
from tavola.games.hearts import events as hearts_events
from tavola.games.holdem import events as holdem_events

TABLES: dict[str, EventTable] = {
    "holdem": holdem_events.EVENTS,
    "tictactoe": tictactoe.EVENTS,
    "auction": auction_events.EVENTS,
    "hearts": hearts_events.EVENTS,
}
LIVES = 40


@pytest.mark.parametrize("game", TABLES)
def test_events_are_those_of_the_table(game: str) -> None:
    table, seen = {**events.EVENTS, **TABLES[game]}, set()
    for seed in range(LIVES):
        happens = random.Random(seed).randbytes(200)
        kept = {UserId("u1"): SeatIndex(1)} if seed % 3 == 0 else UNSET
        options = {"hands": 1} if game == "hearts" else {}
        script = Script(info(game, approval=("host", "auto")[seed % 2], reserved=kept, **options), 4, happens)
        for step in steps(script, opened(script)):
            for event in step.verdict.events if isinstance(step.verdict, Decision) else ():
                seen.add(event.kind)
                _check(event, table[event.kind])
    assert TABLES[game].keys() <= seen
    # A round is voided by a mistake of the game's; grace is over after longer than a script lasts; of going back, and
    # of acts withdrawn, there are tests of their own.
    unseen = events.EVENTS.keys() - seen
    offers = {"player_resigned", "offer_made", "offer_answered", "offer_ended"}
    assert unseen >= {"rolled_back", "forked"} | offers, "test_offers has those"
    assert len(unseen - offers) <= 10, unseen


def _check(event: RoomEvent, spec: EventSpec) -> None:
    assert spec.admits(set(event.fields)), event
    assert all(fields.keys() == set(spec.private) for fields in event.private.values()), event
    audiences = {"inside": {False}, "concerned": {True}, "inside or concerned": {False, True}}
    assert (event.only is not None) in audiences[spec.told], event
