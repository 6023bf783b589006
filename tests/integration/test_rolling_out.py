"""`tavola rollout` and what the steward makes of it: rooms, edges and stewards go over to other code, and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kit.command_line import tavola
from kit.damage import playing
from kit.edges import Actor, NoCluster, actor, execute
from kit.hosts import SECRET, chat, connected, open_room, place, stored
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.steward import Steward
from tavola.actors.log.unreadable import Newer
from tavola.config.code_mark import CODE
from tavola.config.settings import Settings
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

LATER = datetime(2100, 1, 1, tzinfo=UTC)
ENV = {"TAVOLA_JWT_SECRET": SECRET.newest.decode()}


class Cluster(NoCluster):
    def __init__(self) -> None:
        self.ended: list[str] = []
        self.started = 0

    async def start_actor(self, avoid: str | None = None) -> None:
        self.started += 1

    async def end_actor(self, name: str) -> None:
        self.ended.append(name)


class Deployment:
    """A database with a node and two edges, and a steward that does its rounds when it is told."""

    def __init__(self, database: Database) -> None:
        self.database, self.cluster = database, Cluster()
        settings = Settings(_env_file=None, database_url="postgresql://x/x", jwt_secret=SECRET.newest.decode())
        directory = Directory(database, self.cluster)
        self.steward = Steward(settings, SECRET, database, directory, self.cluster, lambda: 1)

    async def is_of(self, one: Actor, code: str) -> None:
        """It says so, and lives until then however long a command takes."""
        said = "UPDATE room_actors SET code = $1, alive_at = $2 WHERE name = $3"
        await execute(self.database, said, code, LATER, one.table.name)

    async def node(self, code: str, disk: str) -> int:
        """The steward of the only node beats; how many actors it carries."""
        given: dict[str, Any] = {"id": "n", "address": "node", "pid": 1, "most": 9, "suspects": 4}
        await execute(self.database, "DELETE FROM nodes WHERE code <> $1", code)
        for _ in range(2):  # It is answered as of before.
            rows = await self.database.rows("beat_node", **given, code=code, disk=disk, may_end=False)
        await execute(self.database, "UPDATE nodes SET beat_at = $1", LATER)
        most: int = rows[0]["most"]
        return most

    async def edge(self, id: str, code: str, disk: str) -> None:
        await self.database.rows("edge_lives", id=id, code=code, disk=disk, addresses=[])
        await execute(self.database, "UPDATE edges SET seen_at = $1", LATER)

    async def begins(self, target: str) -> bool:
        return await self.database.row("begin_rollout", target=target, a_second=1000.0) is not None

    async def round(self) -> Row:
        await self.steward.rollout.round()
        row = await self.database.row("rollout")
        assert row is not None
        return row

    async def told_to_end(self) -> list[str]:
        rows = await self.database.rows("orders", at=0, known="")
        return [row["subject"] for row in rows if row["kind"] == "drain_edge"]

    async def owner(self, room: str) -> str:
        rows = await execute(self.database, "SELECT actor FROM rooms WHERE id = $1", room)
        name: str = rows[0]["actor"]
        return name


@asynccontextmanager
async def deployed(url: str) -> AsyncIterator[Deployment]:
    async with connected(url) as database:
        yield Deployment(database)


async def test_rooms_then_edges_then_stewards(database_url: str) -> None:
    async with (
        deployed(database_url) as all,
        actor(all.database, "a") as a,
        actor(all.database, "b") as b,
    ):
        await all.is_of(a, "old")
        await all.is_of(b, "new")
        rooms = [(await playing(all.database, a.table))[0] for _ in range(3)]
        assert await all.node("old", "new") == 9
        for edge in ("e1", "e2"):
            await all.edge(edge, "old", "new")
        assert await all.begins("new")
        assert not await all.begins("newer"), "one at a time"
        room = await open_room(all.database)
        await place(all.database, room)
        assert await all.owner(room) == "b", "a new one goes to the new code, though the other is fuller"

        await all.round()
        assert [await all.owner(each) for each in rooms] == ["b"] * 3
        for each in rooms:
            await b.table.does((await stored(all.database, each))["epoch"], "ann", chat(each, "after"))
        assert all.cluster.ended == ["a"]
        assert await all.database.row("stewards_turn", code="old", disk="new") is None, "edges come before stewards"

        await all.round()
        [first] = await all.told_to_end()
        await all.round()
        assert await all.told_to_end() == [first], "one after the other"
        await all.database.rows("edge_left", id=first)
        await all.round()
        assert await all.told_to_end() == [first], "not before it is back"
        await all.edge("e3", "new", "new")
        await all.round()
        assert set(await all.told_to_end()) == {"e1", "e2"}
        [second] = {"e1", "e2"} - {first}
        await all.database.rows("edge_left", id=second)
        await all.edge("e4", "new", "new")

        assert not (await all.round())["ended"]
        assert await all.database.row("stewards_turn", code="old", disk="old") is None, "it would be so again"
        assert await all.database.row("stewards_turn", code="old", disk="new") is not None
        await all.node("new", "new")
        assert (await all.round())["ended"]
        assert await all.begins("newer")


async def test_before_the_first_actor_of_the_code_nothing_changes_but_that_it_is_wished_for(database_url: str) -> None:
    async with deployed(database_url) as all, actor(all.database, "a") as a:
        await all.is_of(a, "old")
        assert await all.node("old", "old") == 9
        assert await all.begins("new")
        assert await all.node("old", "old") == 0, "here the old code would start"
        assert await all.node("old", "new") == 9
        assert not (await all.round())["begun"]
        assert len(await execute(all.database, "SELECT FROM actor_wishes")) == 1
        await all.round()
        assert len(await execute(all.database, "SELECT FROM actor_wishes")) == 1, "not at every round"
        room = await open_room(all.database)
        await place(all.database, room)
        assert await all.owner(room) == "a"
        assert all.cluster.ended == []


async def test_a_room_that_the_code_cannot_read_stays_and_is_counted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with deployed(database_url) as all, actor(all.database, "a") as a, actor(all.database, "b") as b:
        await all.is_of(a, "old")
        await all.is_of(b, "new")
        room, epoch = await playing(all.database, a.table)
        other, _ = await playing(all.database, a.table)
        made = b.host.rooms._made

        async def only_the_other(row: Row) -> Any:
            if row["id"] == room:
                raise Newer(row["id"], row["seq"], "game 9")
            return await made(row)

        monkeypatch.setattr(b.host.rooms, "_made", only_the_other)
        await all.begins("new")
        await all.round()
        assert (await all.round())["refused"] == 1
        assert (await all.owner(room), await all.owner(other)) == ("a", "b")
        assert (await stored(all.database, room))["epoch"] == epoch
        await a.table.does(epoch, "ann", chat(room, "on"))
        asked = len(b.asked)
        row = await all.round()
        assert len(b.asked) == asked, "it is left alone for a while"
        assert (row["rooms_left"], row["ended"], all.cluster.ended) == (1, False, [])


async def test_it_is_paused_and_turned_back(database_url: str) -> None:
    async with deployed(database_url) as all, actor(all.database, "a") as a, actor(all.database, "b") as b:
        await all.is_of(a, "old")
        await all.is_of(b, "new")
        rooms = [(await playing(all.database, a.table))[0] for _ in range(4)]
        await all.begins("new")
        await execute(all.database, "UPDATE rollout SET a_second = 2")
        await all.round()
        assert sorted([await all.owner(each) for each in rooms]) == ["a", "a", "b", "b"], "at its rate"
        await all.database.rows("pause_rollout", paused=True)
        await all.round()
        assert sorted([await all.owner(each) for each in rooms]) == ["a", "a", "b", "b"]
        await all.database.rows("turn_rollout_back")
        await all.round()
        assert [await all.owner(each) for each in rooms] == ["a"] * 4
        assert all.cluster.ended == ["b"]
        for each in rooms:
            await a.table.does((await stored(all.database, each))["epoch"], "ann", chat(each, "back"))


async def test_the_command_says_what_it_does_and_why_not(database_url: str, tmp_path: Path) -> None:
    async def said(*words: str) -> tuple[int, str]:
        code, out, error = await tavola(database_url, tmp_path, "rollout", *words, env=ENV)
        return code, out + error

    async with deployed(database_url) as all, actor(all.database, "a") as a:
        assert (await said("--status"))[0] == 2
        code, text = await said()
        assert (code, "lies on no machine" in text) == (2, True), text
        await all.node(CODE, CODE)
        assert await said() == (0, f"all that runs is of this code, {CODE}\n")
        await all.is_of(a, "old")
        await playing(all.database, a.table)
        await all.node("old", CODE)
        code, text = await said("--no-wait")
        assert (code, f"code {CODE} is rolled out" in text) == (0, True), text
        await all.node("old", CODE)
        code, text = await said("--no-wait")
        assert (code, "under way" in text) == (2, True), text
        await all.is_of(a, "old")
        code, text = await said("--status")
        assert (code, "waits for the first room actor" in text, "1 room, 1 actor" in text) == (0, True, True), text
        assert json.loads((await said("--status", "--json"))[1])["target"] == CODE
        assert (await said("--pause"))[0] == 0
        code, text = await said("--status")
        assert "is paused" in text
        await all.node("old", CODE)
        code, text = await said("--back")
        assert (code, "code old lies on no machine" in text) == (2, True), text
        await all.node("old", "old")
        code, text = await said("--back", "--no-wait")
        assert (code, "code old is rolled out" in text) == (0, True), text
        row = await all.database.row("rollout")
        assert row is not None
        assert (row["target"], row["before"]) == ("old", CODE)
        assert (await said("--pause", "--back"))[0] == 2
