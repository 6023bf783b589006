"""Where people are, by REST: the rooms of the caller, the people of a room who are there, and how many are online."""

from __future__ import annotations

from typing import Literal

import msgspec

from tavola.actors.wire.refusals import NO_ROOM
from tavola.actors.wire.view import Role, RoomSummary
from tavola.edge.people.structs import ConnectionStats
from tavola.edge.rest.lobby import summary_of
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.edge.rest.rooms_api import ROOM
from tavola.edge.rest.strangers import hidden
from tavola.edge.ws.connection import Services
from tavola.storage.rows import Row

MOST = 100


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

    async def stats(call: Call) -> Answer:
        return await people.stats()

    return [
        Endpoint("GET", "/api/me/rooms", mine, "The rooms in which the caller has a part", MyRooms),
        Endpoint("GET", f"{ROOM}/online", online, "The people of a room who are there", RoomOnline, scope="read"),
        Endpoint("GET", "/api/stats", stats, "How many are there, on all edges", ConnectionStats, scope="read"),
    ]


def _mine(call: Call, row: Row) -> MyRoom:
    seat = row["seat_index"]
    role: Role = "player" if seat is not None else "spectator" if row["watching"] else "approved"
    return MyRoom(
        room=summary_of(row),
        standing=row["standing"],
        role=role if row["standing"] == "approved" else "guest",
        is_host=row["host_id"] == call.identity.user,
        seat_index=seat,
        your_turn=seat is not None and row["to_act"] and row["status"] == "playing",
        reserved_seat=row["reserved_seat"],
    )


def _member(row: Row) -> OnlineMember:
    role: Literal["player", "spectator", "approved"] = (
        "player" if row["seat_index"] is not None else "spectator" if row["watching"] else "approved"
    )
    return OnlineMember(row["user_id"], row["display_name"], role, row["is_host"], row["seat_index"])
