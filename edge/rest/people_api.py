"""Where people are, by REST: the rooms of the caller, the people of a room who are there, and how many are online."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from tavola.actors.wire.refusals import NO_ROOM
from tavola.actors.wire.view import Role, RoomSummary
from tavola.edge.people.structs import ConnectionStats
from tavola.edge.rest.lobby import summary_of
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.edge.rest.rooms_api import ROOM
from tavola.edge.rest.strangers import hidden
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import BIGINT
from tavola.storage.rows import Row

MOST = 100
LISTED = 50
"""Rounds that are listed at once."""


class MyRoom(msgspec.Struct, frozen=True):
    """A room that is not closed, and the caller's part in it. `your_turn`: it waits for them. `invited`: a seat is
    reserved for them there, `reserved_seat`, and they have not come."""

    room: RoomSummary
    standing: Literal["approved", "pending", "invited"]
    role: Role
    is_host: bool
    seat_index: int | None
    your_turn: bool
    reserved_seat: int | None


class MyRooms(msgspec.Struct, frozen=True):
    """Those with a seat first, then the newest; at most a hundred."""

    rooms: list[MyRoom]


class OnlineMember(msgspec.Struct, frozen=True):
    """Somebody with a part in the room who has it before them just now. A host may do neither: `approved`."""

    user_id: str
    display_name: str
    role: Literal["player", "spectator", "approved"]
    is_host: bool
    seat_index: int | None


class RoomOnline(msgspec.Struct, frozen=True, omit_defaults=True):
    """`online`: how many of those who sit, watch or are the host have the room before them; `people` says who, to those
    among them alone. `partial`: Redis is away, or has not all of it again: those of this edge are there."""

    online: int
    partial: bool
    people: list[OnlineMember] | None = None


class EndedBefore(msgspec.Struct, frozen=True):
    before: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="Only rounds that ended before, in ms.")] = BIGINT


class PastRound(msgspec.Struct, frozen=True, omit_defaults=True):
    """A round that ended while the caller was admitted to its room. `record` is what its game said of it, and public at
    the table. `seq` is that of the kept state which it can be shown from; absent where none is kept any more."""

    room: str
    code: str
    name: str
    game: str
    number: int
    started_at: int
    ended_at: int
    record: dict[str, Any]
    seq: int | None = None


class MyRounds(msgspec.Struct, frozen=True):
    """The newest first, at most 50; `next` is the `before` for more, if there may be more."""

    rounds: list[PastRound]
    next: int | None


def endpoints(services: Services) -> list[Endpoint]:
    people, database = services.people, services.database

    async def mine(call: Call) -> Answer:
        rows = await database.rows("rooms_of", user_id=call.identity.user, most=MOST)
        return MyRooms([_mine(call, row) for row in rows])

    async def online(call: Call) -> Answer:
        user = call.identity.user
        by_scope = "read" in call.identity.scopes
        stands = await database.row("audience_of", room_id=call.room, user_id=user)
        if stands is None or stands["seq"] is None or (not by_scope and await hidden(database, call)):
            return NO_ROOM
        rows = await database.rows("participants", room_id=call.room)
        there = await people.online_players(call.room)
        members = [_member(row) for row in rows if row["user_id"] in there.users]
        return RoomOnline(len(members), there.partial, members if stands["inside"] or by_scope else None)

    async def rounds(call: Call) -> Answer:
        rows = await database.rows("rounds_of", user_id=call.identity.user, before=call.query.before, most=LISTED)
        return MyRounds([_round(row) for row in rows], rows[-1]["ended_at"] if len(rows) == LISTED else None)

    async def stats(call: Call) -> Answer:
        return await people.stats()

    return [
        Endpoint("GET", "/api/me/rooms", mine, "The rooms in which the caller has a part", MyRooms),
        Endpoint(
            "GET", "/api/me/rounds", rounds, "The rounds that were played in the caller's rooms", MyRounds,
            query=EndedBefore,
        ),
        Endpoint("GET", f"{ROOM}/online", online, "The people of a room who are there", RoomOnline, scope="read"),
        Endpoint("GET", "/api/stats", stats, "How many are there, on all edges", ConnectionStats, scope="read"),
    ]  # fmt: skip


def _round(row: Row) -> PastRound:
    return PastRound(
        row["id"], row["code"], row["name"], row["kind"], row["number"], row["started_at"], row["ended_at"],
        msgspec.json.decode(row["record"]), row["seq"],
    )  # fmt: skip


def _mine(call: Call, row: Row) -> MyRoom:
    seat = row["seat_index"]
    role: Role = "player" if seat is not None else "spectator" if row["watching"] else "approved"
    return MyRoom(
        room=summary_of(row),
        standing=row["standing"],
        role=role if row["standing"] == "approved" else "guest",
        is_host=row["host_id"] == call.identity.user,
        seat_index=seat,
        your_turn=seat is not None and bool(row["to_act"]) and row["status"] == "playing",
        reserved_seat=row["reserved_seat"],
    )


def _member(row: Row) -> OnlineMember:
    role: Literal["player", "spectator", "approved"] = (
        "player" if row["seat_index"] is not None else "spectator" if row["watching"] else "approved"
    )
    return OnlineMember(row["user_id"], row["display_name"], role, row["is_host"], row["seat_index"])
