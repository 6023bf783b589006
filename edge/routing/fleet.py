"""The rooms and the actors of the whole deployment, counted: by status and state, and what waits in them."""

from __future__ import annotations

import msgspec

from tavola.actors.wire.ray_state import RayState
from tavola.edge.common.metrics import FleetCount
from tavola.edge.common.queues import ActorQueues, QueueLength
from tavola.storage.postgres import Database

STATES = ("work", "spare", "silent", "suspect", "draining")
QUEUES = ("load", "commit", "committing", "view", "refusal", "storage")
NO_REDIS = "no_redis"


async def fleet_count(database: Database) -> FleetCount:
    """Raises `StorageUnavailable`."""
    rooms = await database.rows("rooms_by_status")
    actors = await database.rows("actors_by_state")
    free = sum(int(row["free"]) for row in actors if row["state"] in ("work", "spare"))
    states = dict.fromkeys(STATES, 0) | {row["state"]: row["actors"] for row in actors}
    return FleetCount(
        {row["status"]: row["rooms"] for row in rooms},
        states,
        free,
        await actor_queues(database),
        await ray_told(database),
    )


async def ray_told(database: Database) -> RayState | None:
    """Ray as it says it is; None where no steward is answered by it. Raises `StorageUnavailable`."""
    row = await database.row("ray_told")
    return msgspec.json.decode(row["state"], type=RayState) if row is not None else None


async def actor_queues(database: Database) -> ActorQueues:
    """As of the last beats of those that live. Raises `StorageUnavailable`."""
    found = {row["queue"]: QueueLength(row["waiting"], row["most"]) for row in await database.rows("actors_waiting")}
    [living] = await database.rows("nodes_alive")
    nobody = QueueLength(0, 0)
    queues = {name: found.get(name, nobody) for name in QUEUES}
    return ActorQueues(queues, found.get(NO_REDIS, nobody).all, living["nodes"])
