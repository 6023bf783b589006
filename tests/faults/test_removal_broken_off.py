"""A room with very many rows is removed, and the edge that was asked and the steward that is at it are killed in the
middle of it: it is done all the same, and nothing of the room is left anywhere."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from kit.client import Api, Json, reachable
from kit.mentions import keys_with, tables_with
from kit.stack import Stack, Truth, kill, until
from kit.table import open_room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

UPDATES, COMMANDS, HANDS = 200_000, 50_000, 5_000
MIDDLE = 70_000
"""An update in the middle of the room's log."""


async def test_the_edge_and_the_steward_are_killed_while_a_room_is_removed(stack: Stack) -> None:
    async with stack.truth() as truth, Api(stack.urls[0]) as here, Api(stack.urls[1]) as there:
        host = await here.sign_in("Ada of the large room")
        room = await open_room(here, host, "tictactoe")
        code = (await here.ok("GET", f"/api/rooms/{room}", host))["code"]
        await here.ok("POST", f"/api/rooms/{room}/chat", host, {"text": "anything"})
        await here.ok("POST", f"/api/rooms/{room}/close", host)
        rows = await _grown(truth, room)
        path = f"/api/game/{room}/persist"

        async with stack.truth() as held:
            # The steward, once it begins, comes as far as the middle of the log.
            await held.connection.execute("BEGIN")
            await held.connection.execute(
                "SELECT FROM log WHERE room_id = $1 AND seq >> 6 = $2::bigint >> 6 AND seq = $2 FOR UPDATE",
                room,
                MIDDLE,
            )
            # The edge dies before it has answered, and what it asked Postgres for happens.
            async with stack.truth() as lock, lock.connection.transaction():
                await lock.connection.execute("SELECT FROM game_states WHERE room_id = $1 FOR UPDATE", room)
                asking = asyncio.create_task(here.request("DELETE", path, host))
                await lock.holds_back(1, "INSERT INTO removals")
                edge = stack.pid_of("edges", 0)
                kill(edge)
                with pytest.raises(httpx.HTTPError):
                    await asking
            await held.holds_back(1, "DELETE FROM log")
            job = await there.ok("GET", path, host)
            gone = job["rows_removed"]
            assert job["status"] == "running"
            assert 0 < gone < MIDDLE, "it is in the middle of it"
            steward = stack.steward()
            kill(steward)
            assert await tables_with(truth.connection, room)

        async def done() -> Json | None:
            told = await there.ok("GET", path, host)
            return told if told["status"] == "done" else None

        told: Json = await until(done, "the next steward has removed it")
        assert told["rows_removed"] >= rows > gone
        assert stack.steward() != steward
        assert await tables_with(truth.connection, room, code) == {}
        assert await keys_with(stack.redis_url, room, code) == []
        again = await there.request("DELETE", path, host)
        assert (again.status_code, again.json()) == (202, told)

        async def answers() -> bool:
            return stack.pid_of("edges", 0) != edge and await reachable(stack.urls[0])

        await until(answers, "the edge is back")
        assert (await here.request("GET", f"/api/rooms/{room}/hydrate", host)).status_code == 410


async def _grown(truth: Truth, room: str) -> int:
    """The room's log, its commands and its hands become long; gives how many rows there are then."""
    [state] = await truth.rows("SELECT seq, updated_at FROM game_states WHERE room_id = $1", room)
    first, last, at = state["seq"] + 1, UPDATES, state["updated_at"]
    await truth.connection.execute(
        "INSERT INTO log (seq, epoch, at, room_id, user_id, command_id, entropy, body) "
        "SELECT n, 1, $4, $1, 'u_0123456789abcdef', 'command ' || n, '', decode(repeat(md5(n::text), 6), 'hex') "
        "FROM generate_series($2::bigint, $3::bigint) n",
        room, first, last, at,
    )  # fmt: skip
    await truth.connection.execute(
        "INSERT INTO commands (key, seq, day) SELECT command_key($1, 'u_0123456789abcdef', 'command ' || n), n, $3 "
        "FROM generate_series(1, $2::bigint) n",
        room, COMMANDS, at // 86_400_000,
    )  # fmt: skip
    await truth.connection.execute(
        "INSERT INTO hands (room_id, game, number, record) "
        "SELECT $1, 1000, n, '{}' FROM generate_series(1, $2::integer) n",
        room, HANDS,
    )  # fmt: skip
    await truth.connection.execute("UPDATE game_states SET seq = $2 WHERE room_id = $1", room, last)
    return UPDATES
