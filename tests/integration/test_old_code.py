"""Code from before the log went by days, on today's tables: its own statements (old_code.sql) read what is there,
whoever wrote it, and write what today's code reads; and a command takes effect once, whichever of them it reaches."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from kit.hosts import Table, Time, chat, connected, hosting, log_of, place
from kit.rooms import sender
from tavola.actors.cluster import ceiling
from tavola.actors.log.logged import logged_of
from tavola.actors.past.replay import Difference, replay
from tavola.actors.room.codec import restore
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import Act, AnyCommand, Epoch, RoomId
from tavola.actors.wire.messages import Committed, Refusal, Submit
from tavola.stack.embedded_roles import ROLE
from tavola.storage.migrate import migrate, shipped
from tavola.storage.postgres import Database, Query

HERE = Path(__file__).parent
ROOM = RoomId("r_0000000000000001")
LAST_SEQ = 25
NOW_MS = 1_760_000_006_400
LOG = "0015_log.sql"
"""The migration by which the log goes by days."""
READING: dict[str, dict[str, Any]] = {
    "gap": {"rooms": [ROOM, ROOM], "users": ["ann", "nobody"], "afters": [3, LAST_SEQ], "most": 200},
    "behind": {"rooms": [ROOM], "seqs": [7], "epochs": [1]},
    "log_from": {"room_id": ROOM, "seq": 5, "most": 50},
    "log_after": {"room_id": ROOM, "after": 5, "most": 50},
    "moved_after": {"room_id": ROOM, "after": 0, "user_id": "carl"},
    "log_last": {"room_id": ROOM, "seq": LAST_SEQ, "most": 64},
    "log_commands": {"room_id": ROOM, "after": 0, "most": 500},
    "operator_log": {"room_id": ROOM, "after": 0, "most": 500},
    "checkpoint_first": {"room_id": ROOM},
    "checkpoint_before": {"room_id": ROOM, "seq": LAST_SEQ},
    "kept_checkpoint": {"room_id": ROOM, "seq": None},
}
_numbers = count(1)

decode_command = msgspec.json.Decoder(AnyCommand).decode


def _old_queries() -> dict[str, Query]:
    parts = re.split(r"^-- name: (\w+)\n", HERE.joinpath("old_code.sql").read_text(), flags=re.MULTILINE)[1:]
    return {name: Query(body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}


OLD = _old_queries()


class OldCode:
    """A connection on which the old statements are run."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def run(self, name: str, **given: Any) -> list[Any]:
        query = OLD[name]
        rows: list[Any] = await self._connection.fetch(query.text, *query.arguments(given))
        return rows

    async def read(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that the old code can read of the room."""
        return {name: [dict(row) for row in await self.run(name, **given)] for name, given in READING.items()}

    async def commit(self, many: bool, state: dict[str, Any], log: dict[str, Any]) -> list[Any]:
        """As the old code commits one update: by its statement for one, or by that for many."""
        given = {f"state_{name}": value for name, value in state.items()}
        given |= {f"log_{name}": value for name, value in log.items()}
        if many:
            return await self.run("commit", **{name: [value] for name, value in given.items()})
        return await self.run("commit_one", **{name: given[name] for name in OLD["commit_one"].names})


@asynccontextmanager
async def old_database(server: str, superuser: str) -> AsyncIterator[tuple[str, OldCode]]:
    """A database that f2a8251 wrote, as main had it before the log went by days."""
    name = f"old_code_{next(_numbers)}"
    url = f"{server.rpartition('/')[0]}/{name}"
    await _execute(superuser, f"CREATE DATABASE {name} OWNER {ROLE}")
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(HERE.joinpath("f2a8251.sql").read_text())
        await migrate(url, [file for file in shipped() if file.name < LOG])
        yield url, OldCode(connection)
    finally:
        await connection.close()
        await _execute(superuser, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_old_code_reads_the_same_before_and_after(postgres_server: str, superuser_url: str) -> None:
    async with old_database(postgres_server, superuser_url) as (url, old):
        before = await old.read()
        assert len(before["log_commands"]) == LAST_SEQ
        assert before["moved_after"]
        assert LOG in await migrate(url)
        assert await old.read() == before
        [command] = [row for row in before["log_commands"] if row["user_id"] == "ann"][:1]
        asked = {"rooms": [ROOM], "users": ["ann"], "commands": [command["command_id"]]}
        assert [row["seq"] for row in await old.run("answers", **asked)] == [command["seq"]]


async def test_old_code_reads_what_todays_wrote(postgres_server: str, superuser_url: str) -> None:
    async with old_database(postgres_server, superuser_url) as (url, old):
        await migrate(url)
        async with connected(url) as database, hosting(database, "today", _now()) as table:
            epoch = await place(database, ROOM)
            for _ in range(6):
                assert await _moves(table, epoch)
            said = await table.does(epoch, "carl", chat(ROOM, "said", 'a "☃" \\ in it'))
            ours = await database.rows("log_commands", room_id=ROOM, after=LAST_SEQ, most=500)
            theirs = await old.run("log_commands", room_id=ROOM, after=LAST_SEQ, most=500)
            assert [row["seq"] for row in theirs] == [*range(LAST_SEQ + 1, said.seq + 1)]
            for mine, row in zip(ours, theirs, strict=True):
                text = logged_of(ROOM, mine)
                for name in ("seq", "epoch", "at", "user_id", "command_id", "entropy"):
                    assert mine[name] == row[name]
                for name in ("command", "answer", "events", "patch", "outside", "private"):
                    assert (row[name] or "null").encode() == bytes(getattr(text, name)), name
                assert (text.user_name, text.game, text.hand) == (row["user_name"], row["game"], row["hand"])
            last = await old.run("log_last", room_id=ROOM, seq=said.seq, most=64)
            assert [row["seq"] for row in last] == [*range(1, said.seq + 1)], "rows of both shapes, in their order"
            gap = await old.run("gap", rooms=[ROOM], users=["carl"], afters=[LAST_SEQ - 2], most=200)
            assert [row["seq"] for row in gap] == [*range(LAST_SEQ - 1, said.seq + 1)]
            command = ours[-1]["command_id"]
            [known] = await old.run("answers", rooms=[ROOM], users=["carl"], commands=[command])
            assert known["seq"] == said.seq
            state = await _state(database)
            row = dict(theirs[-1]) | {"room_id": ROOM, "seq": said.seq + 1}
            del row["epoch"]
            with pytest.raises(asyncpg.UniqueViolationError) as refused:
                await old.commit(False, state | {"prev": said.seq, "seq": said.seq + 1}, row)
            assert refused.value.constraint_name == "commands_once"
            assert (await _state(database))["seq"] == said.seq, "nothing of it was written"


@pytest.mark.parametrize("many", [False, True])
async def test_todays_code_goes_on_from_what_old_code_wrote(
    postgres_server: str, superuser_url: str, *, many: bool
) -> None:
    """A hand played twice, step by step: by a host of today's, and as the old code would have written it."""
    async with (
        old_database(postgres_server, superuser_url) as (first_url, first),
        old_database(postgres_server, superuser_url) as (url, old),
    ):
        await migrate(first_url)
        await migrate(url)
        async with connected(first_url) as model, hosting(model, "model", _now()) as table:
            epoch = await place(model, ROOM)
            async with connected(url) as database:
                await ceiling.register(database, "old", "node", 1, "127.0.0.1:1", 10, None)
                theirs = await place(database, ROOM)
                async for state, row in _steps(table, model, first, epoch):
                    assert await old.commit(many, state | {"epoch": theirs}, row)
                async with hosting(database, "today", _now()) as today:
                    later = await place(database, ROOM, avoid="old")
                    for user in ("host", "ann", "carl"):
                        shown = await today.view(later, user, ROOM)
                        assert shown["seats"] == (await table.view(epoch, user, ROOM))["seats"]
                    again = await today.ask(_submit(later, row))
                    assert isinstance(again, Committed)
                    assert again.seq == row["seq"], "the same command has the same answer"
                    await today.does(later, "carl", chat(ROOM, "and on"))
                    assert isinstance(await _replayed(database), Room)


async def test_a_command_of_before_is_answered_or_refused(postgres_server: str, superuser_url: str) -> None:
    """One that is in the old rows alone, and too far back for a room's memory."""
    async with old_database(postgres_server, superuser_url) as (url, old):
        [first, *_] = [row for row in await old.run("log_commands", room_id=ROOM, after=0, most=500) if row["user_id"]]
        await migrate(url)
        async with connected(url) as database, hosting(database, "today", _now()) as table:
            epoch = await place(database, ROOM)
            for number in range(70):
                await table.does(epoch, "carl", chat(ROOM, f"say {number}"))
            before = await _state(database)
            answer = await table.ask(_submit(epoch, first))
            assert isinstance(answer, Committed)
            assert answer.seq == first["seq"]
            other = await table.ask(_submit(epoch, first, chat(ROOM, first["command_id"], "another")))
            assert isinstance(other, Refusal)
            assert other.code == "id_reused"
            assert (await _state(database))["seq"] == before["seq"]
            [settled] = await database.rows("settle_log")
            assert not settled["settled"], "it may come again for days"
            await _execute(url, "UPDATE migrations SET applied_at = now() - interval '9 days'")
            [settled] = await database.rows("settle_log")
            assert settled["settled"]
            await table.does(epoch, "carl", chat(ROOM, "and on"))


def _now() -> Time:
    time = Time()
    time.ms = NOW_MS
    return time


def _submit(epoch: Epoch, row: dict[str, Any], command: AnyCommand | None = None) -> Submit:
    """The command in a row of the log, sent again by who sent it; or another of theirs."""
    return Submit(epoch, sender(row["user_id"]), command or decode_command(row["command"]))


async def _moves(table: Table, epoch: Epoch) -> bool:
    """The player to act checks or calls. Whether there was one."""
    view = await table.view(epoch, "carl", ROOM)
    if "turn" not in view:
        return False
    turn = view["turn"]
    user = view["seats"][str(turn["seat_index"])]["user_id"]
    legal = {each["move"] for each in (await table.view(epoch, user, ROOM))["me"]["legal"]}
    move = "check" if "check" in legal else "call"
    act = Act(id=f"move {turn['number']}", room=ROOM, move=move, turn=turn["number"], arguments={})
    await table.does(epoch, user, act)
    return True


async def _state(database: Database) -> dict[str, Any]:
    """The room's state as `commit` takes it."""
    row = await database.row("load_room", rooms=[ROOM])
    assert row is not None
    [stands] = await database.rows("positions", rooms=[ROOM])
    return {"room_id": ROOM, "epoch": row["epoch"], "seq": stands["seq"], "state": row["state"], "at": NOW_MS}


async def _steps(
    table: Table, database: Database, old: OldCode, epoch: Epoch
) -> AsyncIterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each move up to the hand's last but one, as state and log row of the old code."""
    seq = LAST_SEQ
    for _ in range(5):
        assert await _moves(table, epoch)
        for row in await old.run("log_commands", room_id=ROOM, after=seq, most=50):
            state = await _state(database)
            log = dict(row) | {"room_id": ROOM}
            del log["epoch"]
            yield state | {"prev": seq, "seq": row["seq"], "at": row["at"]}, log
            seq = row["seq"]


async def _replayed(database: Database) -> Room | Difference:
    first = await database.row("checkpoint_first", room_id=ROOM)
    assert first is not None
    return replay(restore(first["state"]), await log_of(database, ROOM))
