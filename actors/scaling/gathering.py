"""Rooms are gathered on fewer nodes: one that the others could do without is drained, and Ray ends it when nothing has
been there for as long as it was told. Turned back when there is too little room without it.

A round of the steward's, by rows: another one goes on with what there is.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from tavola.actors.scaling.surplus import NodeRooms, needed_again, unneeded
from tavola.storage.postgres import Database

log = structlog.get_logger()

ROUND_S = 2.0
UNNEEDED = "unneeded"
BACK_AFTER_S = 12.0
"""For so long a drained node must have been needed before it is given rooms again. By then Ray has been asked for it,
and its autoscaler, which looks every five seconds, does not end it any more."""


class Gathering:
    def __init__(
        self, database: Database, now: Callable[[], int], *, capacity: int, spares: int, least: int, after_s: int
    ) -> None:
        """`now` gives milliseconds. A node must be unneeded for `after_s`; 0: none is emptied. `capacity` of an actor,
        in rooms; `least` nodes stay."""
        self._database = database
        self._now = now
        self._capacity, self._spares, self._least, self._after_s = capacity, spares, least, after_s
        self._unneeded: tuple[str, int] | None = None
        """The node that is, and since when."""
        self._needed_since: int | None = None

    async def round(self) -> None:
        """Drain a node, or turn that back, if it is time. Raises `StorageUnavailable`."""
        rows = await self._database.rows("node_rooms")
        nodes = [NodeRooms(**{name: row[name] for name in NodeRooms._fields}) for row in rows]
        if any(node.why == UNNEEDED for node in nodes):
            self._unneeded = None
            await self._turned_back(nodes)
        elif not any(row["changing"] for row in rows):
            self._needed_since = None
            await self._emptied(nodes)
        if any(row["emptied"] for row in rows):
            for row in await self._database.rows("forget_unneeded"):
                log.info("node.gone", node=row["address"])

    async def _emptied(self, nodes: list[NodeRooms]) -> None:
        found = None
        if self._after_s:
            found = unneeded(nodes, capacity=self._capacity, spares=self._spares, least=self._least)
        if found is None or self._unneeded is None or self._unneeded[0] != found.address:
            self._unneeded = None if found is None else (found.address, self._now())
        elif self._now() - self._unneeded[1] >= self._after_s * 1000:
            if await self._database.row("gather_node", node=found.address) is not None:
                log.info("node.unneeded", node=found.address, rooms=found.rooms)
            self._unneeded = None

    async def _turned_back(self, nodes: list[NodeRooms]) -> None:
        if self._after_s and not needed_again(nodes, self._capacity):
            self._needed_since = None
        elif self._needed_since is None:
            self._needed_since = self._now()
        elif self._now() - self._needed_since >= BACK_AFTER_S * 1000:
            self._needed_since = None
            for node in nodes:
                if node.why == UNNEEDED:
                    await self._database.row("undrain_actors", node=node.address, actor=None)
                    log.info("node.needed_again", node=node.address)
