"""The demand for nodes, as Ray's autoscaler sees it: a custom resource. A node that declares so much of it carries as
many room actors; each of them holds a little of it, so that a node with actors is never idle; and the steward that does
the rounds asks for as many as there are, and one more, so that a node comes before the last has no room.

Where nodes declare nothing of it, nothing is asked for.
"""

from __future__ import annotations

from typing import Protocol

from tavola.storage.postgres import Database

ROOM_ACTOR = "tavola_room_actor"
HELD = 0.01
"""Of the resource, by each actor. Postgres counts how many a node carries: one that is counted no more, and whose
process still is there, must not keep another from its place."""
MORE = 1


class Autoscaled(Protocol):
    """A node of a cluster that Ray may add nodes to."""

    address: str

    async def ask_for(self, actors: int) -> None:
        """Have nodes for so many room actors altogether. Raises `ClusterUnavailable`."""


class Demand:
    """The round of a node's steward in which it asks, if it is the one that does the rounds."""

    def __init__(self, database: Database, here: Autoscaled) -> None:
        self._database = database
        self._here = here

    async def ask(self) -> int | None:
        """Gives for how many it asked. Raises `StorageUnavailable` and `ClusterUnavailable`."""
        rows = await self._database.rows("node_states")
        if not any(row["does_rounds"] and row["address"] == self._here.address for row in rows):
            return None
        wanted = MORE + sum(int(row["actors"]) for row in rows)
        await self._here.ask_for(wanted)
        return wanted
