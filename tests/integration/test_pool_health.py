"""A pool says who waits for a connection and for how long, and an edge tells it with what waits there."""

from __future__ import annotations

import asyncio

from kit.hosts import connected
from kit.stack import until
from tavola.edge.common.queues import EdgeQueues, PoolState
from tavola.storage.postgres import Database


async def test_who_waits_for_a_connection_is_counted(database_url: str) -> None:
    database = await Database.connect(database_url, least=1, most=1)
    try:
        assert database.health == (0, 1, 0, 0, 0.0)
        held = await database.take()
        asking = [asyncio.create_task(database.rows("ping")) for _ in range(3)]
        await until(lambda: database.waiting == 3, "they wait")
        assert database.health[:4] == (1, 0, 3, 1)
        await database.give_back(held)
        await asyncio.gather(*asking)
        health = database.health
        assert (health.idle, health.waiting, health.taken) == (1, 0, 4)
        assert health.waited_s > 0
    finally:
        await database.close()


async def test_one_that_cannot_be_had_waits_no_more(database_url: str) -> None:
    async with connected(database_url) as database:
        await database.close()
        failed = await asyncio.gather(database.rows("ping"), return_exceptions=True)
        assert isinstance(failed[0], Exception)
        assert (database.waiting, database.health.taken) == (0, 0)


def test_an_edge_tells_of_its_queues() -> None:
    queues = EdgeQueues({"search": 3, "answer": 2}, 5000, 4000, PoolState(2, 1, 7, 100, 1.5))
    told = {(each.name, *sample.labels.values()): sample.value for each in queues.told() for sample in each.samples}
    assert told == {
        ("tavola_queue", "search"): 3,
        ("tavola_queue", "answer"): 2,
        ("tavola_outbox_bytes", "all"): 5000,
        ("tavola_outbox_bytes", "most"): 4000,
        ("tavola_postgres_connections", "used"): 2,
        ("tavola_postgres_connections", "idle"): 1,
        ("tavola_postgres_waiting",): 7,
        ("tavola_postgres_taken",): 100,
        ("tavola_postgres_wait_seconds",): 1.5,
    }
