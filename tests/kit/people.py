"""Managers of connections, and what stands on them, for tests."""

from __future__ import annotations

from typing import Any, NamedTuple

from kit.hosts import OPENER, SEALER
from tavola.edge.people.manager import ConnectionManager
from tavola.edge.routing.presence import EdgePresence
from tavola.storage.postgres import Database


class BareSocket(NamedTuple):
    """A socket without a client."""

    id: str


def manager(database: Database, redis_url: str, edge: str = "edge") -> ConnectionManager[Any]:
    return ConnectionManager(edge, database, redis_url, SEALER, OPENER)


def presence(database: Database, redis_url: str, edge: str = "edge") -> EdgePresence:
    return EdgePresence(database, manager(database, redis_url, edge))
