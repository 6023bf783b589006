"""Coming back to an edge: a room's actor that has lost the room, and cannot know it while the database is away, takes
nobody back; and the edge knows how many wait for what they have missed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from kit.edges import Edge, actor, edge
from kit.followers import Sink
from kit.hosts import SECRET, chat, connected, hosting, open_room, place
from kit.proxy import proxied
from kit.rooms import sender
from tavola.actors.errands.doing import here as done_here
from tavola.actors.wire.commands import RoomId, Sender
from tavola.config.clock import now_ms
from tavola.edge.common.guesses import Guesses
from tavola.edge.identity.issued_tokens import IssuedTokens
from tavola.edge.identity.reconnection import ReconnectionTokens
from tavola.edge.identity.tokens import Tokens
from tavola.edge.routing.view_lookup import ViewLookup
from tavola.edge.ws.following import Following
from tavola.edge.ws.gap_reader import GapReader
from tavola.edge.ws.history import Held
from tavola.edge.ws.websocket import text_frame
from tavola.storage.postgres import Database


class Socket(Sink):
    """The host's, at that edge."""

    def __init__(self, here: Edge, database: Database) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[None]] = []
        self.keyring = IssuedTokens(Tokens(SECRET), now_ms)
        returns = ReconnectionTokens(database, Tokens(SECRET), now_ms)
        looking = ViewLookup(here.router, database, done_here)
        self.following = Following(self, looking, here.fanout, GapReader(database), returns, Guesses())

    @property
    def sender(self) -> Sender:
        return sender("host")

    def send(self, payload: bytes) -> None:
        self.write(text_frame(payload))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def follows(self, room: RoomId, held: Held | None) -> dict[str, Any]:
        """The first frame that it is answered with."""
        before = len(self.payloads)
        self.following.follow(room, held)
        await self.pulse.until(lambda: len(self.payloads) > before)
        return self.payloads[before]


async def test_a_stale_view_is_not_older_than_what_the_client_has(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        proxied(database_url) as proxy,
        connected(proxy.url) as through,
        actor(through, "a"),
        hosting(database, "b") as b,
        edge(through, redis_url) as here,
    ):
        room = await open_room(database)
        await place(database, room, avoid="b")
        seen = await Socket(here, through).follows(room, None)
        assert seen["type"] == "hydrated"
        epoch = await place(database, room, avoid="a")
        done = await b.does(epoch, "host", chat(room, "the actor before knows nothing of it"))
        proxy.go_away()
        no = await Socket(here, through).follows(room, Held(done.seq, epoch))
        assert (no["type"], no["code"], no["retry_after_ms"]) == ("error", "storage_unavailable", 1000)
        assert proxy.refused
        without = await Socket(here, through).follows(room, None)
        assert (without["type"], without["stale"]) == ("hydrated", True)
        assert without["seq"] < done.seq, "to somebody without a memory it is shown, and said to be old"
        proxy.come_back()
        again = await Socket(here, through).follows(room, Held(done.seq, epoch))
        assert (again["type"], again["updates"]) == ("updates", [])


async def test_an_edge_knows_how_many_sockets_catch_up(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        proxied(database_url) as proxy,
        connected(proxy.url) as through,
        actor(database, "a"),
        edge(database, redis_url) as here,
    ):
        rooms = [await open_room(database), await open_room(database)]
        for room in rooms:
            await place(database, room)
        people = here.fanout.presence.people
        seen = await Socket(here, database).follows(rooms[0], None)
        assert people.catching_up == 0
        waits, gone = Socket(here, through), Socket(here, through)
        proxy.hold("unnest", 2)
        for room in rooms:
            waits.following.follow(room, Held(seen["seq"], seen["epoch"]))
        gone.following.follow(rooms[0], Held(seen["seq"], seen["epoch"]))
        await proxy.held.wait()
        assert people.catching_up == 2, "a socket counts once"
        gone.tasks[0].cancel()
        await asyncio.wait(gone.tasks)
        assert people.catching_up == 1
        proxy.release()
        await waits.pulse.until(lambda: len(waits.payloads) == 2)
        await asyncio.wait(waits.tasks)
        assert people.catching_up == 0
