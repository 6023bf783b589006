"""Checkpoints after so many moves, in a real database: none of the moves in between is less durable for it."""

from __future__ import annotations

from kit.hosts import chat, connected, hosting, log_of, open_room, place, stored
from kit.past import room_at
from tavola.actors.past import archive
from tavola.actors.room.codec import room_of
from tavola.config.checkpoints import CheckpointEvery


async def test_states_are_kept_after_so_many_moves(database_url: str) -> None:
    every = CheckpointEvery.of("4 moves")
    async with connected(database_url) as database, hosting(database, "a", every=every) as table:
        room = await open_room(database)
        epoch = await place(database, room)
        for n in range(10):
            await table.does(epoch, "host", chat(room, f"c{n}"))
            row = await stored(database, room)
            assert (row["seq"], len(await log_of(database, room))) == (n + 1, n + 1), "each is durable at once"
        kept = await database.rows("kept_versions", room_id=room, before=99, most=99)
        assert [row["seq"] for row in kept] == [8, 4, 0]
        for row in kept:
            assert await room_at(database, room, row["seq"]) == archive.opened(room, row["seq"], row["state"])
        assert await room_at(database, room, 10) == room_of(await stored(database, room))
