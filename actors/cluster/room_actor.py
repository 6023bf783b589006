"""The room actor as Ray knows it. Its inside is imported where it runs: edges name this class when they start one, and
must not load what only the actor runs."""

from __future__ import annotations

from collections.abc import Mapping

import ray

from tavola.config.settings import Settings


class RoomActor:
    """A `RoomProcess` as a detached Ray actor, in one call."""

    def __init__(self, name: str, settings: Settings) -> None:
        from tavola.actors.cluster.service import await_call

        self._name = name
        self._settings = settings
        await_call()

    def serve(self, most: Mapping[str, int]) -> None:
        """As `RoomProcess.serve`; `most`: how many actors each node carries."""
        from tavola.actors.cluster.room_process import RoomProcess
        from tavola.actors.cluster.service import live

        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        live(RoomProcess(self._name, self._settings, node, most.get(node)).serve())
