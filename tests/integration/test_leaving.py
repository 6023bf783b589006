"""An edge that is full, and one that ends, on the server that edges listen with, a real Postgres and a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from kit.doors import Doors, doors
from kit.hosts import SECRET
from kit.redis_links import is_up
from kit.waiting import Pulse
from tavola.actors.wire.commands import UserId
from tavola.config.settings import Settings
from tavola.edge.app import DrainingServer, Edge, configured
from tavola.edge.identity.standing_orders import StandingOrders
from tavola.edge.ws.leaving import AGAIN_MS


class Listening:
    """An edge that listens."""

    def __init__(self, at: Doors, server: DrainingServer, edge: Edge, running: asyncio.Task[None]) -> None:
        self.at, self.server, self.edge, self.running = at, server, edge, running
        self.port: int = server.servers[0].sockets[0].getsockname()[1]

    async def socket(self, name: str) -> ClientConnection:
        """One that has said whose it is."""
        socket = await connect(f"ws://127.0.0.1:{self.port}/ws")
        await socket.send(json.dumps({"type": "authenticate", "token": self.at.person(name).token}))
        assert json.loads(await socket.recv())["type"] == "authenticated"
        return socket

    async def metrics(self) -> list[str]:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://127.0.0.1:{self.port}/metrics")).text.splitlines()


@asynccontextmanager
async def listening(database_url: str, redis_url: str, **given: Any) -> AsyncIterator[Listening]:
    async with doors(database_url, redis_url) as at:
        settings = Settings(
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            TAVOLA_JWT_SECRET=SECRET.newest.decode(),
            TAVOLA_PORT=0,
            **given,
        )
        edge = Edge(settings, SECRET)
        edge._services, edge._database, edge._presence = at.services, at.database, at.services.fanout.presence
        app = Starlette(routes=[WebSocketRoute("/ws", edge.socket), Route("/metrics", edge.metrics)])
        server, pulse = DrainingServer(configured(app, settings), edge), Pulse()
        startup = server.startup

        async def starting(sockets: Any = None) -> None:
            await startup(sockets)
            pulse.beat()

        server.startup = starting  # type: ignore[method-assign]
        running = asyncio.create_task(server.serve())
        await pulse.until(lambda: server.started)
        try:
            yield Listening(at, server, edge, running)
        finally:
            server.should_exit = server.force_exit = True
            await running


async def goodbye(socket: ClientConnection, served: asyncio.Event | None = None) -> tuple[dict[str, Any], int]:
    """The last frame of a socket that the edge closes, and the code. `served` is set when a heartbeat is answered."""
    last: dict[str, Any] = {}
    with suppress(ConnectionClosed):
        async for said in socket:
            last = json.loads(said)
            if served is not None and last["type"] == "heartbeat_ack":
                served.set()
    await socket.wait_closed()
    assert socket.close_code is not None
    return last, socket.close_code


async def test_an_edge_that_is_full_says_so_and_has_room_again(database_url: str, redis_url: str) -> None:
    async with listening(database_url, redis_url, TAVOLA_SOCKETS_PER_EDGE=2) as edge:
        first, second = await edge.socket("Ann"), await edge.socket("Ben")
        last, code = await goodbye(await connect(f"ws://127.0.0.1:{edge.port}/ws"))
        assert (last["type"], last["reason"], code) == ("closing", "the server is full", 1013)
        assert AGAIN_MS <= last["reconnect_after_ms"] < 2 * AGAIN_MS
        assert 'tavola_sockets_refused_total{reason="full"} 1.0' in await edge.metrics()

        connections = edge.at.services.connections
        [leaving] = edge.at.services.people.sockets(UserId(edge.at.person("Ann").user))
        await first.close()
        await leaving.closed
        assert len(connections) == 1
        third = await edge.socket("Cem")
        await asyncio.gather(second.close(), third.close())


async def test_an_edge_that_ends_lets_go_in_batches_and_takes_nobody(database_url: str, redis_url: str) -> None:
    slowly = {"TAVOLA_DRAIN_SOCKETS_PER_SECOND": 10, "TAVOLA_DRAIN_S": 600}
    async with listening(database_url, redis_url, **slowly) as edge, AsyncExitStack() as open_:
        sockets = [await open_.enter_async_context(await edge.socket(f"P{n}")) for n in range(40)]
        served = asyncio.Event()
        leaving = {asyncio.create_task(goodbye(socket, served)): socket for socket in sockets}
        edge.server.should_exit = True
        gone, staying = await asyncio.wait(leaving, return_when=asyncio.FIRST_COMPLETED)
        assert staying, "the others wait for their turn"
        with pytest.raises(ConnectionRefusedError):
            await connect(f"ws://127.0.0.1:{edge.port}/ws")
        for task in staying:
            with suppress(ConnectionClosed):
                await leaving[task].send(json.dumps({"type": "heartbeat"}))
        async with asyncio.timeout(20):
            await served.wait()
        assert edge.at.services.connections, "who waits is served"
        edge.server.force_exit = True
        said = await asyncio.gather(*gone, *staying)
        assert {(last["type"], code) for last, code in said} == {("closing", 1012)}
        assert all(0 <= last["reconnect_after_ms"] < 100 for last, _ in said)


async def test_an_edge_that_was_told_to_end_goes_on_when_the_order_is_lifted(database_url: str, redis_url: str) -> None:
    slowly = {"TAVOLA_DRAIN_SOCKETS_PER_SECOND": 10, "TAVOLA_DRAIN_S": 600}
    async with listening(database_url, redis_url, **slowly) as edge, AsyncExitStack() as open_:
        sockets = [await open_.enter_async_context(await edge.socket(f"P{n}")) for n in range(20)]
        orders = StandingOrders(edge.at.database, edge.edge._ordered, lifted=edge.edge._lifted)
        await orders.look()
        leaving = [asyncio.create_task(goodbye(socket)) for socket in sockets]
        order: dict[str, Any] = {
            "kind": "drain_edge",
            "subject": edge.at.services.fanout.presence.edge,
            "operator": "olga",
        }
        await edge.at.database.rows("give_order", **order, until=None, reason="", at=1)
        await orders.look()
        gone, staying = await asyncio.wait(leaving, return_when=asyncio.FIRST_COMPLETED)
        last, code = await goodbye(await connect(f"ws://127.0.0.1:{edge.port}/ws"))
        assert (last["reason"], code) == ("the server restarts", 1013), "it takes nobody"

        await edge.at.database.rows("lift_order", kind="drain_edge", subject=order["subject"])
        await orders.look()
        assert len(staying) == len(edge.at.services.connections) > 0 < len(gone)
        await open_.enter_async_context(await edge.socket("Eve"))
        assert not edge.server.should_exit

        await edge.at.database.rows("give_order", **order, until=None, reason="", at=2)
        edge.edge._settings = edge.edge._settings.model_copy(update={"drain_s": 0})
        await orders.look()
        await asyncio.gather(*staying)
        await edge.running
        assert edge.server.should_exit, "and ends when all have gone"


async def test_the_links_to_redis_are_among_the_metrics(database_url: str, redis_url: str) -> None:
    async with listening(database_url, redis_url) as edge:
        await is_up(edge.at.services.fanout._subscriber, edge.at.services.people._board)
        told = await edge.metrics()
        assert 'tavola_redis_up{link="subscribe"} 1.0' in told
        assert 'tavola_redis_up{link="board"} 1.0' in told
        assert 'tavola_redis_lost_total{link="subscribe"} 0.0' in told
        assert 'tavola_redis_dropped_total{link="board"} 0.0' in told
