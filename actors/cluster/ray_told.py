"""Ray as it says it is, told in the database by each node's steward: edges, which know no Ray, show it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import msgspec
import structlog

from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.wire.ray_state import RayState
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

TELL_S = 5.0


class RayAsked(Protocol):
    """The node whose Ray is asked."""

    async def state(self) -> RayState:
        """Raises `ClusterUnavailable`."""


class RayTeller:
    def __init__(self, database: Database, id: str, ray: RayAsked) -> None:
        """`id` names the node, as its beats do."""
        self._database = database
        self._id = id
        self._ray = ray

    async def run(self) -> None:
        while True:
            try:
                await self.tell()
            except StorageUnavailable as error:
                log.warning("node.beat_failed", reason=str(error))
            await asyncio.sleep(TELL_S)

    async def tell(self) -> None:
        """Say what Ray says now; nothing when it does not answer. Raises `StorageUnavailable`."""
        try:
            state: Any = msgspec.json.encode(await self._ray.state()).decode()
        except ClusterUnavailable:
            state = None
        await self._database.rows("tell_ray", id=self._id, state=state)
