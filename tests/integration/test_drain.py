"""`tavola drain`: what it says, what it leaves in the database, and what the steward and an edge make of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.command_line import tavola
from kit.damage import playing
from kit.edges import NoCluster, actor, execute
from kit.hosts import SECRET, chat, connected, stored
from kit.people import manager
from kit.stack import until
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.node_keeper import LivingNode, spares_here
from tavola.actors.cluster.steward import Steward
from tavola.config.settings import Settings
from tavola.edge.people.manager import ConnectionManager
from tavola.storage.postgres import Database

ENV = {"TAVOLA_JWT_SECRET": SECRET.newest.decode()}


class Ended(NoCluster):
    """The actors that the steward has ended."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def end_actor(self, name: str) -> None:
        self.names.append(name)


@asynccontextmanager
async def steward(database: Database) -> AsyncIterator[tuple[Steward, Ended]]:
    settings, ended = (
        Settings(_env_file=None, database_url="postgresql://x/x", jwt_secret=SECRET.newest.decode()),
        Ended(),
    )
    yield Steward(settings, SECRET, database, Directory(database, NoCluster()), ended, lambda: 0), ended


async def test_an_actor_is_drained_and_the_command_waits_for_it(database_url: str, tmp_path: Path) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        steward(database) as (rounds, ended),
    ):
        rooms = [(await playing(database, a.table))[0] for _ in range(3)]
        await execute(database, "UPDATE room_actors SET alive_at = 'infinity'")  # However long the command takes.
        command = asyncio.create_task(tavola(database_url, tmp_path, "drain", "a", env=ENV))
        while not command.done():
            await rounds.drain_actors()
            await asyncio.wait([command], timeout=0.05)
        code, out, error = await command
        assert (code, out) == (0, "actor a is drained\n"), error
        assert ended.names == ["a"]
        for room in rooms:
            row = await stored(database, room)
            assert row["actor"] == "b"
            await b.table.does(row["epoch"], "ann", chat(room, "after"))
        code, _, error = await tavola(database_url, tmp_path, "drain", "a", env=ENV)
        assert (code, "no actor, node or edge 'a'" in error) == (2, True), "it is gone"


async def test_a_drain_is_turned_back(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, actor(database, "a") as a, steward(database) as (rounds, ended):
        room, epoch = await playing(database, a.table)
        code, out, _ = await tavola(database_url, tmp_path, "drain", "a", "--no-wait", env=ENV)
        assert (code, out) == (0, "actor a is being drained: 1 room left, on 1 actor\n")
        code, _, error = await tavola(database_url, tmp_path, "drain", "a", "--within", "0", env=ENV)
        assert (code, "1 room left, on 1 actor; it goes on" in error) == (1, True), error
        code, out, _ = await tavola(database_url, tmp_path, "drain", "a", "--undo", env=ENV)
        assert (code, out) == (0, "actor a is drained no more\n")
        waiting = asyncio.create_task(tavola(database_url, tmp_path, "drain", "a", env=ENV))
        await until(lambda: draining(database, "a"), "the other begins")
        await database.rows("undrain_actors", actor="a", node=None)
        code, _, error = await waiting
        assert "turned back, with 1 room left" in error
        assert code == 3
        await rounds.drain_actors()
        assert ended.names == []
        assert (await stored(database, room))["epoch"] == epoch, "the room has stayed"
        code, _, error = await tavola(database_url, tmp_path, "drain", "a", "--undo", env=ENV)
        assert (code, "actor a is not drained" in error) == (1, True), error


async def test_a_drained_node_starts_none_until_it_is_turned_back(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, actor(database, "a"), steward(database) as (rounds, _):
        assert await carried(database) == 5
        code, _, _ = await tavola(database_url, tmp_path, "drain", "node", "--no-wait", env=ENV)
        assert code == 0
        assert await carried(database) == 0
        async with actor(database, "b"):  # It was being started when the node was drained.
            await rounds.bury_the_dead()
            assert await draining(database, "b")
            code, _, error = await tavola(database_url, tmp_path, "drain", "b", "--undo", env=ENV)
            assert (code, "drained with its node" in error) == (1, True), error
            code, out, _ = await tavola(database_url, tmp_path, "drain", "node", "--undo", env=ENV)
            assert (code, out) == (0, "node node is drained no more\n")
            assert not await draining(database, "b")
        assert await carried(database) == 5


async def draining(database: Database, actor: str) -> bool:
    row = await database.row("drained", actor=actor, node=None)
    return row is not None and bool(row["draining"])


async def known(people: ConnectionManager[Any], edge: str) -> bool:
    counts = await people.online.counts()
    return counts is not None and edge in counts.sockets


async def ordered(database: Database) -> bool:
    return [row["kind"] for row in await database.rows("orders", at=0, known="")] == ["drain_edge"]


async def carried(database: Database) -> int:
    """How many actors the node carries."""
    for _ in range(2):  # It is answered as of before.
        rows = await database.rows(
            "beat_node", id="1", address="node", pid=1, most=5, suspects=4, code="c", disk="c", may_end=False
        )
    most: int = rows[0]["most"]
    return most


def test_the_spares_of_a_drained_node_are_kept_elsewhere() -> None:
    nodes = [LivingNode("1", "a", 0, 3, 0), LivingNode("2", "b", 5, 0, 0), LivingNode("3", "c", 5, 0, 0)]
    assert [spares_here(nodes, id, 2) for id in "123"] == [0, 1, 1]
    assert spares_here(nodes[:1], "1", 2) == 0


async def test_an_edge_is_ordered_to_end_and_waited_for(database_url: str, redis_url: str, tmp_path: Path) -> None:
    env = {**ENV, "REDIS_URL": redis_url}
    async with connected(database_url) as database:
        people = manager(database, redis_url, "e1")
        running = asyncio.create_task(people.run())
        await until(lambda: known(people, "e1"), "it has told of itself")
        code, out, error = await tavola(database_url, tmp_path, "drain", "e1", "--no-wait", env=env)
        assert (code, out) == (0, "edge e1 is being drained: 0 sockets left\n"), error
        [order] = await database.rows("orders", at=0, known="")
        assert (order["kind"], order["subject"], order["operator"]) == ("drain_edge", "e1", "tavola drain")
        code, out, _ = await tavola(database_url, tmp_path, "drain", "e1", "--undo", env=env)
        assert (code, out) == (0, "edge e1 is drained no more\n")
        command = asyncio.create_task(tavola(database_url, tmp_path, "drain", "e1", env=env))
        await until(lambda: ordered(database), "it is told to end")
        assert not command.done()
        people.leave()
        code, out, error = await command
        assert (code, out) == (0, "edge e1 is drained\n"), error
        running.cancel()


@pytest.mark.parametrize("undo", [[], ["--undo"]])
async def test_a_name_that_nothing_has_is_refused(database_url: str, tmp_path: Path, undo: list[str]) -> None:
    code, out, error = await tavola(database_url, tmp_path, "drain", "nobody", *undo, env=ENV)
    assert (code, out) == (2, "")
    assert "there is no actor, node or edge 'nobody'" in error
    assert "Redis does not answer" in error
