"""Rooms by status and actors by what they do, as every edge tells Prometheus."""

from __future__ import annotations

import pytest

from kit.damage import execute
from kit.hosts import connected, hosting, open_room
from tavola.actors.cluster import ceiling
from tavola.config.keys import Secrets
from tavola.config.settings import Settings
from tavola.edge.app import Edge
from tavola.edge.common.metrics import FleetCount, Metrics
from tavola.storage.postgres import Database

STATES = {
    "silent": "alive_at = now() - interval '7 seconds'",
    "suspect": "suspect_at = now()",
    "draining": "draining = true",
    "spare": "rooms = 0",
    "work": "rooms = 2",
}


async def test_rooms_and_actors_are_counted(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(database_url) as database, hosting(database, "a"):
        edge = Edge(Settings(_env_file=None, jwt_secret="x" * 32), Secrets(b"x" * 32))
        edge._database = database
        for _ in range(3):
            await open_room(database, "tictactoe")
        await execute(database_url, "UPDATE rooms SET status = 'closed' WHERE id = (SELECT min(id) FROM rooms)")
        await execute(database_url, "DELETE FROM room_actors")
        for state, made in STATES.items():
            await ceiling.register(database, state, "node", 1, "127.0.0.1:1", 5, None)
            await execute(database_url, f"UPDATE room_actors SET {made} WHERE name = $1", state)
        found = await edge._fleet()
        assert found is not None
        assert sum(found.rooms.values()) == 3
        assert found.rooms["closed"] == 1
        assert found.actors == dict.fromkeys(STATES, 1)
        assert found.free == 5 + 3, "of those alone that are given rooms"
        metrics = Metrics(int, int, int, int, dict)
        assert b"tavola_actors{" not in metrics.text(), "before anything was counted"
        metrics.counted(found)
        told = metrics.text().decode()
        assert 'tavola_rooms{status="closed"} 1.0' in told
        assert 'tavola_actors{state="draining"} 1.0' in told
        assert "tavola_actor_places_free 8.0" in told


async def test_while_postgres_is_away_nothing_is_told(database_url: str) -> None:
    database = await Database.connect(database_url, least=1, most=1)
    edge = Edge(Settings(_env_file=None, jwt_secret="x" * 32), Secrets(b"x" * 32))
    edge._database = database
    await database.close()
    assert await edge._fleet() is None
    metrics = Metrics(int, int, int, int, dict)
    metrics.counted(FleetCount({"waiting": 1}, {"work": 1}, 0))
    metrics.counted(None)
    assert b"tavola_rooms{" not in metrics.text()
