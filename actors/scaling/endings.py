"""Nodes of which Ray says that they will end: of `tavola node` that was told to, by `ray drain-node`, or because
a cloud takes the machine away. They are drained, and Ray ends one as soon as no actor is left there."""

from __future__ import annotations

from typing import Protocol

import structlog

from tavola.storage.postgres import Database

log = structlog.get_logger()

LOOK_S = 1.0


class Drainable(Protocol):
    """A node of a cluster of which Ray knows which nodes will end."""

    async def ending(self) -> frozenset[str]:
        """The addresses of the nodes that will end and still live. Raises `ClusterUnavailable`."""


class Endings:
    """The looks of a node's steward, for as long as it does the rounds."""

    def __init__(self, database: Database, ray: Drainable) -> None:
        self._database = database
        self._ray = ray
        self._said: frozenset[str] | None = None

    @property
    def some(self) -> bool:
        """Whether nodes are known that will end."""
        return bool(self._said)

    async def look(self) -> None:
        """Say which will end, if that is new. Raises `StorageUnavailable` and `ClusterUnavailable`."""
        ending = await self._ray.ending()
        if ending != self._said:
            for row in await self._database.rows("nodes_end", addresses=sorted(ending)):
                log.info("node.ending", node=row["address"])
            self._said = ending
