"""A room in play, and what somebody with psql, or a bad disk, may do to its rows."""

from __future__ import annotations

from typing import Any

import asyncpg

from kit.hosts import Table, open_room, place
from tavola.actors.wire.commands import Act, Epoch, RequestJoin, RoomId, Start, TakeSeat
from tavola.games.registry import GAMES
from tavola.storage.postgres import Database


async def execute(url: str, statement: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        rows: list[Any] = await connection.fetch(statement, *arguments)
        return rows
    finally:
        await connection.close()


async def playing(database: Database, table: Table, game: str = "tictactoe", **options: Any) -> tuple[RoomId, Epoch]:
    """A room with a game begun, and a move made, in the memory of `table`."""
    room = await open_room(database, game, auto_start=False, **options)
    others = {"a": "b", "b": "a", "new": "old", "old": "new"}
    epoch = await place(database, room, avoid=others[table.name])
    await table.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Name-ann"))
    for seat, user in enumerate(("host", "ann")):
        await table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
    await table.does(epoch, "host", Start(id="start", room=room))
    if game == "tictactoe":
        await table.does(
            epoch, "host", Act(id="move", room=room, move="mark", arguments={GAMES["tictactoe"].moves["mark"][0]: 4})
        )
    return room, epoch


async def changed_by_hand(url: str, room: RoomId) -> str:
    """Somebody with psql gives themself a cell."""
    [row] = await execute(
        url,
        "UPDATE game_states SET state = replace(state, '....0....', '0...0....') WHERE room_id = $1 RETURNING state",
        room,
    )
    assert "0...0...." in row["state"]
    state: str = row["state"]
    return state
