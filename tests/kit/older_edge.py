"""An edge of the release before that follows a table's room: it hears of it by Redis alone, so its actor publishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.table import Table
from tavola.actors.wire.commands import Epoch, RoomId, UserId
from tavola.actors.wire.line import Line
from tavola.actors.wire.messages import Ok, ReportPresence
from tavola.config.keys import Secrets

NAME = "an edge of before"
SILENT_S = 60.0


@asynccontextmanager
async def older_edge(t: Table) -> AsyncIterator[None]:
    """There is one, as the room's actor of now knows it; and for a minute after that it may still be there."""
    [actor] = await t.truth.rows(
        "SELECT a.name, a.address, g.epoch FROM rooms r JOIN room_actors a ON a.name = r.actor"
        " JOIN game_states g ON g.room_id = r.id WHERE r.id = $1",
        t.room,
    )
    line = await Line.connect(actor["name"], actor["address"], Secrets(t.stack.secret.encode()), SILENT_S, NAME)
    try:
        somebody = (UserId("u_elsewhere"),)
        assert await line.ask(ReportPresence(Epoch(actor["epoch"]), RoomId(t.room), NAME, here=somebody)) == Ok()
        yield
    finally:
        line.cut("the test is over")
