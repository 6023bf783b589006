"""The room actor as Ray knows it. Its inside is imported where it runs: edges name this class when they start one, and
must not load what only the actor runs."""

from __future__ import annotations

from collections.abc import Mapping

import ray

from tavola.config.settings import Settings


class RoomActor:
    """A `RoomProcess` as a detached Ray actor."""

    def __init__(self, name: str, settings: Settings) -> None:
        from tavola.actors.cluster.room_process import RoomProcess

        self._process = RoomProcess(name, settings)

    async def start(self, most: Mapping[str, int]) -> str:
        """As `RoomProcess.start`; `most`: how many actors each node carries."""
        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return await self._process.start(node, most)
