"""The rooms of the caller: where they sit, watch, wait, or are the host."""

from __future__ import annotations

from typing import Literal

import msgspec

from tavola.actors.wire.view import Role, RoomSummary
from tavola.edge.rest.lobby import summary_of
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

MOST = 100


class MyRoom(msgspec.Struct, frozen=True):
    """A room that is not closed, and the caller's part in it. `your_turn`: it waits for them."""

    room: RoomSummary
    standing: Literal["approved", "pending"]
    role: Role
    is_host: bool
    seat_index: int | None
    your_turn: bool


class MyRooms(msgspec.Struct, frozen=True):
    """Those with a seat first, then the newest; at most a hundred."""

    rooms: list[MyRoom]


def endpoints(database: Database) -> list[Endpoint]:
    async def mine(call: Call) -> Answer:
        rows = await database.rows("rooms_of", user_id=call.identity.user, most=MOST)
        return MyRooms([_mine(call, row) for row in rows])

    return [Endpoint("GET", "/api/me/rooms", mine, "The rooms in which the caller has a part", MyRooms)]


def _mine(call: Call, row: Row) -> MyRoom:
    seat = row["seat_index"]
    role: Role = "player" if seat is not None else "spectator" if row["watching"] else "approved"
    return MyRoom(
        room=summary_of(row),
        standing=row["standing"],
        role="guest" if row["standing"] == "pending" else role,
        is_host=row["host_id"] == call.identity.user,
        seat_index=seat,
        your_turn=seat is not None and seat == row["turn"] and row["status"] == "playing",
    )
