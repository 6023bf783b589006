"""Ray is asked for nodes: by which steward, and for how many room actors."""

from __future__ import annotations

import asyncio

from kit.damage import execute
from kit.hosts import connected
from kit.stack import until
from tavola.actors.cluster import ceiling
from tavola.actors.cluster.ceiling import Node, ceilings
from tavola.actors.cluster.lease import Lease
from tavola.actors.scaling.demand import Demand
from tavola.config.code_mark import CODE
from tavola.storage.postgres import Database


class Asked:
    """A node where the demand is written down instead of Ray."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[int] = []

    async def ask_for(self, actors: int) -> None:
        self.asked.append(actors)


async def beats(database: Database, address: str) -> None:
    await database.rows(
        "beat_node",
        id=f"id of {address}",
        address=address,
        pid=1,
        most=5,
        suspects=4,
        code=CODE,
        disk=CODE,
        may_end=False,
    )


async def started(database: Database, address: str, count: int) -> None:
    for number in range(count):
        await ceiling.register(database, f"{address}-{number}", address, 1, f"127.0.0.1:{address}-{number}", 5, 5)


async def leads() -> None:
    """The rounds, which are at work for as long as somebody does them."""
    await asyncio.Event().wait()


async def test_the_one_who_does_the_rounds_asks_for_all_there_are_and_one_more(database_url: str) -> None:
    async with connected(database_url) as database:
        here, there = Asked("a"), Asked("b")
        for each in ("a", "b"):
            await beats(database, each)
        assert await Demand(database, here).ask() is None, "nobody does the rounds yet"
        leading = asyncio.create_task(Lease(database, "id of a").lead(leads))

        async def held() -> bool:
            return await Demand(database, here).ask() is not None

        await until(held, "somebody does the rounds")
        assert here.asked == [1]
        await started(database, "a", 2)
        await started(database, "b", 3)
        assert await Demand(database, here).ask() == 6
        assert await Demand(database, there).ask() is None
        assert (here.asked, there.asked) == ([1, 6], [])
        await execute(database_url, "UPDATE room_actors SET alive_at = now() - interval '1 minute' WHERE node = 'b'")
        assert await Demand(database, here).ask() == 3, "those that are dead need no node"
        leading.cancel()
        await asyncio.wait([leading])


def test_a_node_carries_no_more_than_it_declares() -> None:
    small, says, says_much = Node("1", "a", 10**9), Node("2", "b", 10**9, 3), Node("3", "c", 10**9, 500)
    assert ceilings([small, says, says_much], 0) == {"a": 10, "b": 3, "c": 500}
    assert ceilings([small, says, says_much], 40) == {"a": 40, "b": 3, "c": 40}
    assert ceilings([says, says._replace(id="4")], 0) == {"b": 6}
