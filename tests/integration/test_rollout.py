"""Old code and new on one database, as during a roll-out: a room goes from an actor of the release before to one of
this one and back, and nothing is lost, doubled or taken for damaged."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from kit.damage import execute, playing
from kit.hosts import chat, connected, hosting, place, stored
from kit.rooms import sender
from tavola.actors.log.logged import NULL, text_of, update_texts
from tavola.actors.room import codec
from tavola.actors.room.decide import decide
from tavola.actors.room.state import Decision
from tavola.actors.room.view import Projection
from tavola.actors.wire.commands import Act, AnyCommand, Epoch, RoomId, Seq
from tavola.actors.wire.given import record_of
from tavola.games.base import Entropy
from tavola.storage.postgres import Database, Query

STATEMENTS = Path(__file__).with_name("36682f4.sql")


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        yield connection
    finally:
        await connection.close()


class Before:
    """Code of the release before: its own statements, over a connection of its own."""

    def __init__(self, connection: Any, database: Database) -> None:
        parts = re.split(r"^-- name: (\w+)\n", STATEMENTS.read_text(), flags=re.MULTILINE)[1:]
        self._queries = {name: Query(body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}
        self._connection = connection
        self._database = database

    async def run(self, name: str, **given: Any) -> list[Any]:
        query = self._queries[name]
        found: list[Any] = await self._connection.fetch(query.text, *query.arguments(given))
        return found

    async def takes(self, room: RoomId) -> Epoch:
        """The room is placed with an actor of that release."""
        [at] = await self.run("locate", room_id=room)
        [placed] = await self.run("place", room_id=room, epoch=at["epoch"], avoid="new")
        assert placed["name"] == "old"
        return Epoch(placed["epoch"])

    async def decides(self, room: RoomId, epoch: Epoch, user: str, command: AnyCommand, *, many: bool = False) -> bool:
        """The command decided and committed as that release does it; whether it was."""
        [row] = await self.run("load_room", room_id=room)
        loaded = codec.room_of({**dict(row), "intact": True, "deferred": None})
        entropy = Entropy(bytes(32))
        decision = decide(loaded, sender(user), command, loaded.table.at + 1, entropy)
        assert isinstance(decision, Decision), decision
        seq, table = Seq(row["seq"] + 1), decision.room.table
        update, _ = Projection(loaded).show(decision, seq, epoch)
        texts = ("" if text == NULL else text.decode() for text in update_texts(update))
        events, patch, outside, private = texts
        state = {"room_id": room, "epoch": epoch, "prev": row["seq"], "seq": seq, "at": table.at}
        state["state"] = msgspec.json.encode(table).decode()
        log = {
            "room_id": room, "seq": seq, "game": table.games, "hand": table.hand, "user_id": user,
            "user_name": sender(user).name, "command_id": command.id, "command": text_of(command).decode(),
            "answer": msgspec.json.encode(record_of(decision.give)).decode(), "events": events, "patch": patch,
            "outside": outside, "private": private, "entropy": entropy, "at": table.at,
        }  # fmt: skip
        name = "commit" if many else "commit_one"
        given: dict[str, Any] = {f"state_{key}": value for key, value in state.items()}
        given |= {f"log_{key}": value for key, value in log.items()}
        if many:
            given = {key: [value] for key, value in given.items()}
        given = {key: given[key] for key in self._queries[name].names}
        return [written["room_id"] for written in await self.run(name, **given)] == [room]


@pytest.mark.parametrize("many", [False, True])
async def test_a_room_goes_to_and_fro(database_url: str, many: bool) -> None:
    async with (
        session(database_url) as connection,
        connected(database_url) as database,
        hosting(database, "new") as new,
    ):
        before = Before(connection, database)
        register = "INSERT INTO room_actors (name, node, pid, address, capacity) VALUES ('old', 'n', 1, 'x:1', 9)"
        await execute(database_url, register)
        room, _ = await playing(database, new)
        seq = (await stored(database, room))["seq"]

        old = await before.takes(room)
        assert await before.decides(room, old, "ann", _mark(room, 0), many=many)
        assert await before.decides(room, old, "host", _mark(room, 1), many=many)
        assert not await before.decides(room, Epoch(old - 1), "ann", _mark(room, 2), many=many), "the fence holds"

        epoch = await place(database, room, avoid="old")
        view = await new.view(epoch, "ann", room)
        assert view["game"]["board"] == [1, 0, None, None, 0, None, None, None, None]
        again = await new.does(epoch, "host", _mark(room, 1))
        assert again.seq == seq + 2, "what the release before answered is answered alike"
        await new.does(epoch, "ann", _mark(room, 7))
        assert not await before.decides(room, old, "ann", chat(room, "late")), "it has lost the room"

        last = (await stored(database, room))["seq"]
        old = await before.takes(room)
        recent = await before.run("log_last", room_id=room, seq=last, most=64)
        assert [row["seq"] for row in recent] == list(range(1, last + 1)), "it reads what the new one wrote"
        assert msgspec.json.decode(recent[-1]["command"]) is not None
        known = await before.run("answers", rooms=[room], users=["ann"], commands=["7"])
        assert [row["seq"] for row in known] in ([last], [last - 1]), "and the answers"
        assert await before.decides(room, old, "host", chat(room, "back"), many=many)
        with pytest.raises(asyncpg.UniqueViolationError):
            await before.decides(room, old, "ann", chat(room, "7", "another"), many=many)

        epoch = await place(database, room, avoid="old")
        await new.does(epoch, "host", _mark(room, 3))
        assert await execute(database_url, "SELECT 1 FROM unreadable_rooms") == []
        rows = await database.rows("log_commands", room_id=room, after=0, most=1000)
        assert [row["seq"] for row in rows] == list(range(1, (await stored(database, room))["seq"] + 1))


async def test_its_other_statements_run(database_url: str) -> None:
    async with (
        session(database_url) as connection,
        connected(database_url) as database,
        hosting(database, "new") as new,
    ):
        before = Before(connection, database)
        room, epoch = await playing(database, new)
        assert len(await before.run("log_after", room_id=room, after=1, most=10)) > 1
        assert len(await before.run("log_commands", room_id=room, after=1, most=10)) > 1
        assert len(await before.run("gap", rooms=[room], users=["ann"], afters=[1], most=100)) > 1
        await before.run("overdue", before=1, most=1)
        [raised] = await before.run("raise_epochs", rooms=[room], epochs=[epoch])
        await before.run("release_room", room_id=room, epoch=raised["epoch"], actor="new")
        [made] = await before.run(
            "create_room", room_id="r_0", code="CODE", game="tictactoe", settings='{"approval":"auto",'
            '"visibility":"public","max_spectators":9,"name":"Old","options":{}}', host_id="host", max_players=2, at=1,
            creation_id=None, host_name="Host", state='{"v":1,"at":1,"game":{}}', checkpoint="{}",
        )  # fmt: skip
        epoch = await place(database, RoomId(made["id"]))
        assert (await new.view(epoch, "host", RoomId("r_0")))["room"]["name"] == "Old"


async def test_a_round_that_both_write_is_in_its_record(database_url: str) -> None:
    async with (
        session(database_url) as connection,
        connected(database_url) as database,
        hosting(database, "new") as new,
    ):
        before = Before(connection, database)
        room, epoch = await playing(database, new, "holdem")
        look = "SELECT number, started_at, ended_at, record, commitment FROM hands WHERE room_id = $1"
        [begun] = await execute(database_url, look, room)
        dealt = msgspec.json.decode(begun["record"])
        assert (begun["ended_at"], begun["commitment"]) == (None, None), "today's code writes the record alone"
        row = {"room_id": room, "game": 1, "number": begun["number"], "started_at": 7, "record": dealt}
        await before.run("rounds", hands=msgspec.json.encode([row]).decode())
        [again] = await execute(database_url, look, room)
        assert (again["started_at"], again["commitment"]) == (begun["started_at"], dealt["commitment"])
        to_act = (await new.view(epoch, "host", room))["turn"]["seat_index"]
        await new.does(epoch, ("host", "ann")[to_act], Act(id="fold", room=room, move="fold", arguments={}))
        [ended] = await execute(database_url, look, room)
        record = msgspec.json.decode(ended["record"])
        assert (ended["started_at"], record["commitment"]) == (begun["started_at"], dealt["commitment"])
        assert ended["ended_at"] is not None
        assert record["winners"][0]["seat_index"] == 1 - to_act


def _mark(room: RoomId, cell: int) -> Act:
    return Act(id=str(cell), room=room, move="mark", arguments={"cell": cell})
