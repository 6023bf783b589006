"""The metrics of what waits, in this edge and in all room actors, and of this edge's pool of connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import Metric

from tavola.edge.common.described import Described, counter, gauge, gauges

QUEUES = Described("tavola_queue", "gauge", "Entries that wait in a queue of this edge", ("queue",))
OUTBOXES = Described(
    "tavola_outbox_bytes",
    "gauge",
    "Bytes that this edge's clients have not read: all, and the one with the most",
    ("of",),
)
CONNECTIONS = Described("tavola_postgres_connections", "gauge", "This edge's connections to Postgres", ("state",))
ASKING = Described("tavola_postgres_waiting", "gauge", "Queries of this edge that wait for a connection")
TAKEN = Described("tavola_postgres_taken", "counter", "How often a connection was taken for some")
WAITED = Described("tavola_postgres_wait_seconds", "counter", "The seconds that were waited for those, together")
HERE = (QUEUES, OUTBOXES, CONNECTIONS, ASKING, TAKEN, WAITED)
ACTOR_QUEUES = Described(
    "tavola_actor_queue", "gauge", "Entries that waited in all room actors, as of their last beats", ("queue",)
)
LONGEST = Described("tavola_actor_queue_longest", "gauge", "The same of the actor with the most", ("queue",))
NO_REDIS = Described("tavola_actors_without_redis", "gauge", "Living room actors whose link to Redis was down")
NODES = Described("tavola_nodes", "gauge", "Machines on which a room actor lives")
EVERYWHERE = (ACTOR_QUEUES, LONGEST, NO_REDIS, NODES)


class PoolState(NamedTuple):
    """Connections by what they do, how many wait for one; how often one was taken, and the seconds that took."""

    used: int = 0
    idle: int = 0
    waiting: int = 0
    taken: int = 0
    waited_s: float = 0.0


class EdgeQueues(NamedTuple):
    """Entries by queue; bytes that clients have not read, all and of one at most; and the pool."""

    queues: Mapping[str, int] = {}
    unread: int = 0
    unread_most: int = 0
    pool: PoolState = PoolState()

    def told(self) -> Iterator[Metric]:
        yield gauges(QUEUES, self.queues)
        yield gauges(OUTBOXES, {"all": self.unread, "most": self.unread_most})
        yield gauges(CONNECTIONS, {"used": self.pool.used, "idle": self.pool.idle})
        yield gauge(ASKING, self.pool.waiting)
        yield counter(TAKEN, self.pool.taken)
        yield counter(WAITED, self.pool.waited_s)


class QueueLength(NamedTuple):
    """In all actors together, and in the one with the most."""

    all: int
    most: int


class ActorQueues(NamedTuple):
    """By queue; actors without Redis; and the machines on which any live."""

    queues: Mapping[str, QueueLength] = {}
    without_redis: int = 0
    nodes: int = 0

    def told(self) -> Iterator[Metric]:
        yield gauges(ACTOR_QUEUES, {name: length.all for name, length in self.queues.items()})
        yield gauges(LONGEST, {name: length.most for name, length in self.queues.items()})
        yield gauge(NO_REDIS, self.without_redis)
        yield gauge(NODES, self.nodes)
