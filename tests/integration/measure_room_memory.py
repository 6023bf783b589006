"""The memory that a loaded room takes of its actor:

    python tests/integration/measure_room_memory.py [ROOMS]

A host (no Ray, no Redis) on a Postgres of its own has so many rooms (200) of tic-tac-toe, two people in each, in which
as much has been said and done as is remembered. Told is what Python allocated for each of them: in play, and at rest,
which is after nobody has used it for half a minute.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import cast

sys.path.insert(0, str(Path(__file__).parent.parent))

import uvloop

from kit.hosts import Published, chat, connected, hosting, open_room, place
from tavola.actors.wire.commands import RequestJoin, TakeSeat
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.storage.migrate import migrate

ROOMS = 200
SAID = 100
SILENT = cast(Published, SimpleNamespace(publish=lambda *_: None, publish_presence=lambda *_: None))


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tavola-memory-") as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            await server.start()
            await migrate(server.superuser_url)
            async with (
                connected(server.superuser_url) as database,
                hosting(database, "a", capacity=count + 2, published=SILENT) as table,
            ):
                rooms = [(room, await place(database, room)) for room in [await open_room(database) for _ in range(2)]]
                for room, epoch in rooms:  # All that is loaded and cached once belongs to no room.
                    await table.does(epoch, "host", chat(room, "first"))
                gc.collect()
                tracemalloc.start()
                before, _ = tracemalloc.get_traced_memory()
                for _ in range(count):
                    await database.rows("beat_actor", name="a", measured=None)
                    room = await open_room(database)
                    epoch = await place(database, room)
                    await table.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
                    for seat, user in enumerate(("host", "ann")):
                        await table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
                    for number in range(SAID):
                        await table.does(epoch, "host", chat(room, f"say {number}", "as long as most of what is said"))
                gc.collect()
                told("in play", before, count)
                for loaded in table.host.rooms.all():
                    loaded.rest()
                gc.collect()
                told("at rest", before, count)
        finally:
            await server.stop()


def told(when: str, before: int, count: int) -> None:
    now, _ = tracemalloc.get_traced_memory()
    print(f"{when}: {(now - before) / count / 1024:.1f} KB a room", flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROOMS))
