"""Stories about a room, told in a line each: who does what, and whether it is accepted."""

from __future__ import annotations

from typing import Any

from kit.rooms import HOST, ROOM, Live, info
from tavola.actors.room.state import Decision, RoomEvent
from tavola.actors.wire.commands import Approve, RequestJoin, UserId
from tavola.games.base import Refused

PEOPLE = ("host", "ann", "bob", "guest")


def room(game: str = "tictactoe", **fields: Any) -> Live:
    return Live(info(game, **fields), PEOPLE)


def accepted(live: Live, user: str, kind: Any, **fields: Any) -> Decision:
    verdict = live.send(user, kind(id=live.id(), room=ROOM, **fields))
    assert isinstance(verdict, Decision), verdict
    return verdict


def refused(live: Live, user: str, kind: Any, **fields: Any) -> str:
    verdict = live.send(user, kind(id=live.id(), room=ROOM, **fields))
    assert isinstance(verdict, Refused), verdict
    return verdict.code


def asks(live: Live, user: str) -> Decision:
    return accepted(live, user, RequestJoin, display_name=f"Name-{user}")


def kinds(events: tuple[RoomEvent, ...]) -> list[str]:
    return [event.kind for event in events]


def role(live: Live, user: str) -> str:
    return live.room.role_of(UserId(user))


def mid_hand(*users: str) -> Live:
    """A hold'em hand under way between the host and these, in a room that the host admits people to."""
    live = room("holdem", approval="host", seats=4)
    live.sit("host", 0)
    for seat, user in enumerate(users, 1):
        asks(live, user)
        accepted(live, HOST, Approve, user_id=user)
        live.sit(user, seat)
    live.wake()
    assert live.to_act() is not None
    return live


def until_the_hand_ends(live: Live) -> None:
    hand = live.room.table.hand
    while live.room.table.turn is not None:
        live.wake()
    assert live.room.table.hand == hand
