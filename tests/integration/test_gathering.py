"""A node that the others could do without is drained, and turned back when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kit.damage import execute
from kit.hosts import connected
from tavola.actors.cluster import ceiling
from tavola.actors.scaling.endings import Endings
from tavola.actors.scaling.gathering import BACK_AFTER_S, Gathering
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

MOST = 8
AFTER_S = 60


class Cluster:
    """A head and a worker that beat, and the steward's round at a time that is given."""

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.url = url
        self._ms = 1_000_000
        self.gathering = self.round_of(AFTER_S)

    def round_of(self, after_s: int) -> Gathering:
        return Gathering(self.database, lambda: self._ms, capacity=1, spares=0, least=1, after_s=after_s)

    async def beat(self, **may_end: bool) -> list[Row]:
        for address, it in (may_end or {"head": False, "worker": True}).items():
            rows = await self.database.rows(
                "beat_node", id=address, address=address, pid=1, most=MOST, suspects=4, code="c", disk="c", may_end=it
            )
        return rows

    async def rooms(self, **on: int) -> None:
        """So many actors on each node, each with a room."""
        for node, count in on.items():
            there = int((await execute(self.url, "SELECT count(*) FROM room_actors WHERE node = $1", node))[0]["count"])
            for number in range(there, count):
                await ceiling.register(self.database, f"{node}-{number}", node, 1, f"{node}:{number}", 1, MOST)
            await execute(self.url, "UPDATE room_actors SET rooms = 1 WHERE node = $1", node)

    async def after(self, seconds: float) -> list[str]:
        """The nodes that are drained."""
        self._ms += int(seconds * 1000)
        await self.gathering.round()
        return [row["address"] for row in await execute(self.url, "SELECT address FROM drained_nodes ORDER BY address")]

    async def draining(self) -> set[str]:
        return {row["node"] for row in await execute(self.url, "SELECT node FROM room_actors WHERE draining")}

    async def silent(self, node: str) -> None:
        await execute(self.url, "UPDATE nodes SET beat_at = now() - interval '1 minute' WHERE address = $1", node)


@pytest.fixture
async def cluster(database_url: str) -> AsyncIterator[Cluster]:
    async with connected(database_url) as database:
        made = Cluster(database, database_url)
        await made.beat()
        yield made


async def test_it_is_drained_when_it_was_unneeded_for_long(cluster: Cluster) -> None:
    await cluster.rooms(head=2, worker=2)
    assert await cluster.after(0) == []
    assert await cluster.after(AFTER_S - 1) == []
    await cluster.rooms(head=4)
    assert await cluster.after(0.5) == [], "it is needed for a moment"
    await execute(cluster.url, "DELETE FROM room_actors WHERE name = 'head-3'")
    assert await cluster.after(0.5) == []
    assert await cluster.after(AFTER_S - 1) == []
    assert await cluster.after(1) == ["worker"]
    assert await cluster.draining() == {"worker"}
    assert {row["address"]: row["most"] for row in await cluster.beat()} == {"head": MOST, "worker": 0}


async def test_it_is_turned_back_when_it_is_needed(cluster: Cluster) -> None:
    await cluster.rooms(head=1, worker=1)
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == ["worker"]
    await cluster.rooms(head=7)
    assert await cluster.after(0) == ["worker"]
    assert await cluster.after(BACK_AFTER_S - 1) == ["worker"], "Ray is told first"
    assert await cluster.after(1) == []
    assert await cluster.draining() == set()


async def test_one_that_is_gone_is_forgotten_and_comes_again_for_rooms(cluster: Cluster) -> None:
    await cluster.rooms(head=1)
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == ["worker"]
    await cluster.silent("worker")
    assert await cluster.after(0) == []


async def test_a_drain_that_somebody_asked_for_is_theirs(cluster: Cluster) -> None:
    await cluster.rooms(head=1, worker=1)
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == ["worker"]
    await cluster.database.rows("drain_node", node="worker")
    await cluster.rooms(head=8)
    assert await cluster.after(0) == ["worker"]
    assert await cluster.after(BACK_AFTER_S * 2) == ["worker"]
    await cluster.silent("worker")
    assert await cluster.after(0) == ["worker"]


async def test_none_is_emptied_while_code_is_rolled_out_or_where_that_is_turned_off(cluster: Cluster) -> None:
    await cluster.rooms(head=1, worker=1)
    await execute(cluster.url, "INSERT INTO rollout (target, a_second, edges) VALUES ('c', 1, 0)")
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == []
    await execute(cluster.url, "UPDATE rollout SET ended_at = now()")
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == ["worker"]
    cluster.gathering = cluster.round_of(0)
    assert await cluster.after(0) == ["worker"]
    assert await cluster.after(BACK_AFTER_S) == [], "turned off, it is turned back"
    assert await cluster.after(AFTER_S * 2) == []


class Told:
    """Ray, as a test says."""

    def __init__(self) -> None:
        self.addresses: frozenset[str] = frozenset()

    async def ending(self) -> frozenset[str]:
        return self.addresses


async def test_nodes_that_will_end_are_drained_until_they_have(cluster: Cluster) -> None:
    await cluster.rooms(head=1, worker=1)
    ray = Told()
    endings = Endings(cluster.database, ray)
    await endings.look()
    assert (await cluster.after(0), endings.some) == ([], False)
    ray.addresses = frozenset(["worker"])
    await endings.look()
    assert (await cluster.after(0), endings.some) == (["worker"], True)
    assert await cluster.draining() == {"worker"}
    await Endings(cluster.database, ray).look()
    assert await cluster.after(0) == ["worker"], "another steward says the same"
    ray.addresses = frozenset()
    await endings.look()
    assert (await cluster.after(0), endings.some) == ([], False), "what starts there next is not drained"


async def test_one_that_will_end_is_not_turned_back(cluster: Cluster) -> None:
    await cluster.rooms(head=1, worker=1)
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == ["worker"]
    ray = Told()
    ray.addresses = frozenset(["worker"])
    await Endings(cluster.database, ray).look()
    await cluster.rooms(head=8)
    assert await cluster.after(0) == ["worker"]
    assert await cluster.after(BACK_AFTER_S * 2) == ["worker"]


async def test_edges_of_a_machine_that_will_end_let_their_players_go(cluster: Cluster) -> None:
    async def leaves(edge: str, *addresses: str) -> bool:
        given: dict[str, Any] = {"id": edge, "code": "c", "disk": "c", "addresses": ["127.0.0.1", *addresses]}
        [row] = await cluster.database.rows("edge_lives", **given)
        return bool(row["leaves"])

    await cluster.rooms(head=1, worker=1)
    await cluster.database.rows("drain_node", node="worker")
    assert not await leaves("there", "worker")
    assert not await leaves("here", "head")
    assert not await leaves("there", "worker"), "for somebody asked for that, who will know when it ends"
    await cluster.database.rows("undrain_actors", node="worker", actor=None)
    await cluster.after(0)
    assert await cluster.after(AFTER_S) == ["worker"]
    assert await leaves("there", "worker")
    assert not await leaves("here", "head")
    await execute(cluster.url, "UPDATE edges SET seen_at = now() - interval '1 minute' WHERE id = 'here'")
    assert not await leaves("there", "worker"), "nobody else is there for them"
