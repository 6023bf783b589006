"""Whether this edge is cut off from all others: then its players are better served by another edge.

It is when for `SILENT_S` neither Postgres nor Redis nor any other host answers, although there is another host: one on
which room actors ran when Postgres was last asked. An answer is anything that a host does when it is called, also that
nothing listens there. So a Postgres, or a Redis, that is restarted cuts nobody off: its host says so. If the host of
both is gone, those of the actors answer: all edges are in the same case, there is nowhere better to go, and sockets
stay. An edge that alone has lost Postgres, and nothing else, is not told apart from that and keeps its players too.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import TypeAlias

import structlog

from tavola.storage.postgres import Conflict, Database, StorageUnavailable

log = structlog.get_logger()

SILENT_S = 4.0
ASK_S = 1.0
"""How often Postgres is asked where room actors run."""
LOOK_S = 0.5
CALL_S = 1.0
"""How long a host has to answer a call."""
CALLED_AT_ONCE = 16
"""Other hosts that are called; of a large cluster these are enough to know."""

Place: TypeAlias = tuple[str, int]


class Reach:
    """`run` looks. `cut_off` is whether this edge is; `lost` is called when it comes to be."""

    def __init__(self, database: Database, servers: Iterable[Place], lost: Callable[[], None]) -> None:
        """`servers` are Postgres's and Redis's."""
        self._database = database
        self._servers = list(servers)
        self._lost = lost
        self._others: list[Place] = []
        self._reached_at = 0.0
        self.cut_off = False

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        self._reached_at = loop.time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask())
            while True:
                await asyncio.sleep(LOOK_S)
                silent = loop.time() - self._reached_at >= SILENT_S
                lost = silent and bool(self._others) and not await self._anybody()
                if lost != self.cut_off:
                    self.cut_off = lost
                    log.warning("edge.cut_off", hosts=len(self._others)) if lost else log.info("edge.back")
                    if lost:
                        self._lost()

    async def _ask(self) -> None:
        """A query that hears nothing is not broken off: it fails when it must, and meanwhile time passes."""
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(StorageUnavailable, Conflict):
                rows = await self._database.rows("hosts_of_actors", within_s=CALL_S)
                self._reached_at = loop.time()
                places = [(host, int(port)) for host, _, port in (row["address"].rpartition(":") for row in rows)]
                self._others = [place for place in places if not _is_here(place[0])][:CALLED_AT_ONCE]
            await asyncio.sleep(ASK_S)

    async def _anybody(self) -> bool:
        """Whether any host answers that is not this one."""
        calls = [asyncio.create_task(_answers(*place)) for place in (*self._servers, *self._others)]
        try:
            for call in asyncio.as_completed(calls):
                if await call:
                    return True
            return False
        finally:
            for call in calls:
                call.cancel()


async def _answers(host: str, port: int) -> bool:
    """False also of what is on this host, which says nothing of others."""
    try:
        async with asyncio.timeout(CALL_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            address = str(found[0][4][0])
            if _is_here(address):
                return False
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def _is_here(address: str) -> bool:
    """Whether an address is one of this host's: only then can something listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as ours:
        try:
            ours.bind((address.strip("[]"), 0))
        except OSError:
            return False
    return True
