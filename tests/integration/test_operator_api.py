"""The operator's API, on a real Postgres and a real Redis: it shows to them alone what was, as it was, and no
secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import httpx
import pytest
import redis.asyncio
from starlette.applications import Starlette

from kit.cards import mentioned
from kit.hosts import OPENER, Table, connected, hosting, open_room, place, stored
from kit.people import BareSocket, manager
from tavola.actors.errands.doing import here
from tavola.actors.log.logged import logged_of
from tavola.actors.past import archive
from tavola.actors.room.codec import restore, room_of
from tavola.actors.wire.commands import Act, Chat, Epoch, Kick, RequestJoin, RoomId, Spectate, Start, TakeSeat, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import REPLAY_BUSY, TOKEN_INVALID
from tavola.edge.identity.operators import GUESSES, Operators
from tavola.edge.operating import admin_api
from tavola.edge.rest import pages
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.rest import RestRouter, not_there
from tavola.edge.rest.rewind import ROWS_LIMIT, Rewind
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.ws.connection import Services
from tavola.edge.ws.fanout import Fanout
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

SECRET = "a secret of operators"
PLAYERS = ("host", "ann", "bob")
VIEWERS = (*PLAYERS, "sue", "nobody")
EDGE = "edge-here"


class Time:
    """In seconds; moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _no_token(token: str) -> Refusal:
    return TOKEN_INVALID


@asynccontextmanager
async def asking(database: Database, redis_url: str, clock: Time | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the operator's endpoints. It sends the secret unless a request says otherwise."""
    presence = EdgePresence(database, manager(database, redis_url, EDGE))
    fanout = Fanout(database, redis_url, OPENER, presence)
    services = Services(None, None, None, fanout, database)  # type: ignore[arg-type]
    services.errand = here
    door = RestRouter(
        Operators(database, SECRET, _no_token, clock or Time()).of_request, Lobby(database, here), clock or Time()
    )
    app = Starlette(
        routes=[*door.routes(admin_api.endpoints(services, Rewind(database, here))), *pages.routes(operator=True)],
        exception_handlers={404: not_there},
    )
    headers = {"Authorization": f"Bearer {SECRET}"}
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://edge.test", headers=headers) as client:
            yield client
    finally:
        await presence.people.online.close()


class Played:
    """A room of hold'em in which things happen, and all that anybody was shown of it."""

    def __init__(self, database: Database, table: Table, room: RoomId, epoch: Epoch) -> None:
        self.table, self.room, self.epoch = table, room, epoch
        self.chatted = 0
        self._database = database
        self.shown: dict[tuple[int, str], dict[str, Any]] = {}
        """The view that a user was given after that update."""
        self._ids = 0

    @property
    def seq(self) -> int:
        return max(seq for seq, _ in self.shown)

    async def does(self, user: str, kind: Any, **fields: Any) -> None:
        self._ids += 1
        done = await self.table.does(self.epoch, user, kind(id=f"c{self._ids}", room=self.room, **fields))
        await self._look(done.seq)

    async def next_hand(self) -> None:
        """Let the pause between hands go by."""
        before, table = self.seq, self.table
        room = room_of(await stored(self._database, self.room))
        assert room.table.advance_at is not None
        table.time.ms = room.table.advance_at
        await table.rouse(self.epoch, self.room)
        await table.published.pulse.until(lambda: before < table.published.seqs(self.room)[-1])
        await self._look(before + 1)

    async def acts(self) -> bool:
        """The player whose turn it is stays in for the least; gives whether there was a turn."""
        for user in PLAYERS:
            legal = {each["move"] for each in self.shown[self.seq, user]["me"]["legal"]}
            if legal & {"check", "call"}:
                await self.does(user, Act, move="check" if "check" in legal else "call")
                return True
        return False

    async def to_the_end(self) -> None:
        while await self.acts():
            pass

    async def checkpoint(self, seq: int) -> str:
        """The room as it is now, whole."""
        row = await stored(self._database, self.room)
        assert row["seq"] == seq
        return archive.kept(row)

    async def _look(self, seq: int) -> None:
        for user in VIEWERS:
            view = await self.table.view(self.epoch, user, self.room)
            assert view.pop("seq") == seq
            for later in ("epoch", "at", "stale", "recent"):
                view.pop(later)
            self.shown[seq, user] = view


@asynccontextmanager
async def played(database: Database) -> AsyncIterator[Played]:
    """Two hands and the beginning of a third, with somebody watching from the second on, and one put out before it."""
    room = await open_room(database, "holdem", auto_start=False, seats=4, turn_seconds=60)
    async with hosting(database, "actor") as table:
        it = Played(database, table, room, await place(database, room))
        for seat, user in enumerate(PLAYERS):
            if user != "host":
                await it.does(user, RequestJoin, display_name=f"Name-{user}")
            await it.does(user, TakeSeat, seat_index=seat, buy_in=400)
        await it.does("sue", RequestJoin, display_name="Name-sue")
        for hand in range(3):
            if hand == 0:
                await it.does("host", Start)
                await it.does("sue", Spectate)
            else:
                await it.next_hand()
            await it.to_the_end() if hand < 2 else await it.acts()
            if hand == 1:
                await it.does("bob", Chat, text="<b>nice hand</b>")
                it.chatted = it.seq
                await it.does("host", Kick, user_id="bob")
        yield it


async def changed(url: str, statement: str, *arguments: Any) -> None:
    """Tampers with stored rows."""
    connection = await asyncpg.connect(url, ssl=False)
    try:
        assert await connection.execute(statement, *arguments) not in ("UPDATE 0", "DELETE 0")
    finally:
        await connection.close()


async def asked(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    reply = await client.get(f"/api/admin{path}", params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


def code_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_only_who_knows_the_secret_is_let_in_and_guessing_is_slow(database_url: str, redis_url: str) -> None:
    clock = Time()
    async with connected(database_url) as database, asking(database, redis_url, clock) as client:
        path = "/api/admin/rooms"
        assert (await client.get(path)).status_code == 200
        for header in ("", "Basic x", "Bearer ", f"{SECRET}"):
            reply = await client.get(path, headers={"Authorization": header})
            assert code_of(reply) == (401, "unauthenticated"), header
        wrong = [SECRET[:-1], f"{SECRET}x", SECRET.upper(), "\xe9", "x" * 5000]
        for guess in (wrong * 2)[: int(GUESSES)]:
            headers = {b"Authorization": b"Bearer " + guess.encode("latin-1")}
            assert code_of(await client.get(path, headers=headers)) == (401, "unauthenticated")
        # An address that has guessed so often is told nothing any more, were it right.
        for secret in ("guess", SECRET):
            reply = await client.get(path, headers={"Authorization": f"Bearer {secret}"})
            assert code_of(reply) == (429, "rate_limited")
            assert reply.json()["error"]["retry_after_ms"] == 6000
        clock.now += 6.0
        for _ in range(3):
            assert (await client.get(path)).status_code == 200, "the right one costs nothing"
        assert code_of(await client.get(path, headers={"Authorization": "Bearer guess"})) == (
            401,
            "unauthenticated",
        )
        assert code_of(await client.get(path)) == (429, "rate_limited")


async def test_rooms_and_actors_are_listed_as_they_are(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, asking(database, redis_url) as client:
        assert await asked(client, "/rooms") == {"rooms": [], "total": 0}
        async with played(database) as it:
            other = await open_room(database)
            [row] = await database.rows("all_rooms", named=it.room)
            listed = {each["id"]: each for each in (await asked(client, "/rooms"))["rooms"]}
            assert listed.keys() == {it.room, other}
            for field in ("id", "code", "game", "status", "seq", "members", "actor", "node", "pid", "epoch"):
                assert listed[it.room][field] == row[field]
            assert (listed[it.room]["actor"], listed[other]["actor"]) == ("actor", None)
            for named in (it.room, row["code"].lower(), "a TABLE"):
                found = await asked(client, "/rooms", named=named)
                assert it.room in {each["id"] for each in found["rooms"]}
            assert await asked(client, "/rooms", named="nothing like it") == {"rooms": [], "total": 0}
            first = await asked(client, "/rooms", limit=1)
            assert (len(first["rooms"]), first["total"]) == (1, 2)
            [actor] = (await asked(client, "/actors"))["actors"]
            assert (actor["name"], actor["rooms"], actor["silent"]) == ("actor", 1, False)

            told = await asked(client, f"/rooms/{row['code']}")
            assert told["room"] == listed[it.room]
            parts = {each["user_id"]: each for each in told["participants"]}
            assert {user: (part["role"], part["seat_index"], part["is_host"]) for user, part in parts.items()} == {
                "host": ("player", 0, True),
                "ann": ("player", 1, False),
                "bob": ("guest", None, False),
                "sue": ("spectator", None, False),
            }
            assert parts["bob"]["standing"] == "kicked"
        for path in ("", "/log", "/view"):
            assert code_of(await client.get(f"/api/admin/rooms/r_none{path}")) == (404, "room_not_found")


async def test_a_view_at_any_seq_is_what_its_viewer_was_shown(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        asking(database, redis_url) as client,
        played(database) as it,
    ):
        last = it.seq
        assert last > 25
        for (seq, user), shown in it.shown.items():
            then = await asked(client, f"/rooms/{it.room}/view", seq=seq, user=user)
            assert (then["seq"], then["user_id"]) == (seq, user)
            assert then["view"] == shown, (seq, user)
        assert (await asked(client, f"/rooms/{it.room}/view", user="ann"))["view"] == it.shown[last, "ann"]
        spectator = await asked(client, f"/rooms/{it.room}/view")
        assert spectator["view"].pop("me") == {"role": "spectator", "is_host": False, "legal": []}
        shown = dict(it.shown[last, "sue"])
        del shown["me"]
        assert spectator["view"] == shown
        before = await asked(client, f"/rooms/{it.room}/view", seq=0)
        assert [part["user_id"] for part in before["participants"]] == ["host"]
        then = await asked(client, f"/rooms/{it.room}/view", seq=last - 1)
        assert {part["user_id"] for part in then["participants"]} == {"host", "ann", "bob", "sue"}
        for seq, code in ((last + 1, (404, "room_not_found")), (-1, (400, "invalid_message"))):
            reply = await client.get(f"/api/admin/rooms/{it.room}/view", params={"seq": seq})
            assert code_of(reply) == code


def kind_of(room: RoomId, row: Row) -> str:
    return str(json.loads(bytes(logged_of(room, row).command))["type"])


async def test_the_log_is_told_and_nothing_secret_of_it(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        asking(database, redis_url) as client,
        played(database) as it,
    ):
        rows = await database.rows("log_commands", room_id=it.room, after=0, most=1000)
        log = (await asked(client, f"/rooms/{it.room}/log", limit=200))["log"]
        assert [line["seq"] for line in log] == [row["seq"] for row in rows]
        assert [line["events"] for line in log] == [json.loads(bytes(logged_of(it.room, row).events)) for row in rows]
        assert {"request_join", "take_seat", "start", "spectate", "act", "chat", "kick", "wake"} == {
            line["command"] for line in log
        }
        page = await asked(client, f"/rooms/{it.room}/log", after=3, limit=2)
        assert [line["seq"] for line in page["log"]] == [4, 5]

        # Of the hand that runs, an operator learns what its viewers knew, each by themselves, and no more.
        hand = restore(await it.checkpoint(len(rows))).table.game.running
        assert hand is not None
        hidden = {hand.cards[i : i + 2] for i in range(0, len(hand.cards), 2)}
        start = max(row["seq"] for row in rows if kind_of(it.room, row) in ("start", "wake"))
        answers = {"log": await client.get(f"/api/admin/rooms/{it.room}/log?after={start - 1}")}
        for user in (*VIEWERS, ""):
            answers[user] = await client.get(f"/api/admin/rooms/{it.room}/view?user={user}")
        for path in ("/rooms", "/actors", "/edges", f"/rooms/{it.room}"):
            answers[path] = await client.get(f"/api/admin{path}")
        own = {user: set(hand.hole_cards(seat)) for seat, user in ((0, "host"), (1, "ann"))}
        for who, reply in answers.items():
            assert reply.status_code == 200
            assert mentioned(reply.content) & hidden == own.get(who, set()), who
            assert hand.cards not in reply.text
            for row in rows:
                for secret in (row["entropy"].hex(), bytes(logged_of(it.room, row).answer).decode()):
                    assert len(secret) < 8 or secret not in reply.text
        assert sum(len(row["entropy"]) for row in rows) > 0


async def test_what_cannot_be_replayed_is_said(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        asking(database, redis_url) as client,
        played(database) as it,
    ):
        last = it.seq
        path = f"/api/admin/rooms/{it.room}/view"
        await changed(
            database_url, "UPDATE actions SET events = replace(events, 'chat', 'shout') WHERE room_id = $1", it.room
        )
        said = it.chatted
        reply = await client.get(path, params={"seq": said})
        assert code_of(reply) == (422, "corrupted_state")
        assert reply.json()["error"]["details"]["version"] == said
        assert (await client.get(path, params={"seq": said - 1})).status_code == 200
        await changed(database_url, "DELETE FROM actions WHERE room_id = $1 AND seq = $2", it.room, said)
        assert code_of(await client.get(path, params={"seq": said + 1})) == (422, "corrupted_state")
        assert (await client.get(path, params={"seq": last})).status_code == 200, "its checkpoint is a later one"
        await changed(database_url, "DELETE FROM checkpoints WHERE room_id = $1", it.room)
        assert code_of(await client.get(path, params={"seq": last})) == (404, "room_not_found")


async def test_a_replay_has_an_end_and_is_alone(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        asking(database, redis_url) as client,
        played(database) as it,
    ):
        path = f"/api/admin/rooms/{it.room}/view"
        rewind = Rewind(database, here)
        first, second = await asyncio.gather(rewind.room_at(it.room, it.seq), rewind.room_at(it.room, it.seq))
        assert isinstance(first, str)
        assert second == REPLAY_BUSY
        assert (await client.get(path)).status_code == 200
        await changed(database_url, "UPDATE game_states SET seq = seq + $2 WHERE room_id = $1", it.room, ROWS_LIMIT)
        assert code_of(await client.get(path)) == (400, "invalid_message")


@asynccontextmanager
async def elsewhere(database: Database, redis_url: str) -> AsyncIterator[None]:
    """Another edge, to which Ann and Sue are connected, and one that died without a word: it had written of Ann."""
    there = manager(database, redis_url, "edge-there")
    for user, socket in (("ann", "1"), ("ann", "2"), ("sue", "3")):
        there.connect(UserId(user), BareSocket(socket))
    running = asyncio.create_task(there.run())
    try:
        async with asyncio.timeout(20), redis.asyncio.Redis.from_url(redis_url) as kept:
            while await kept.zcard("online:users") != 2:
                await asyncio.wait([running], timeout=0.005)
            await kept.hset("connections:ann", "edge-dead.1:4", "3")
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_edges_and_who_is_connected(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        asking(database, redis_url) as client,
        played(database),
        elsewhere(database, redis_url),
    ):
        told = await asked(client, "/edges")
        assert told["redis"] is True
        assert [edge["edge"] for edge in told["edges"]] == [EDGE, "edge-there"]
        assert told["here"]["edge"] == EDGE
        people = {each["user_id"]: each for each in told["people"]}
        assert people["ann"]["sockets"] == {"edge-there": 2}
        assert people["ann"]["display_name"] == "Name-ann"
        assert people.keys() == {"ann", "sue"}
        assert told["online"] == 2
    async with connected(database_url) as database, asking(database, "redis://127.0.0.1:1") as client:
        told = await asked(client, "/edges")
        assert (told["redis"], [edge["edge"] for edge in told["edges"]], told["people"]) == (False, [EDGE], [])


@pytest.mark.parametrize("path", ["/admin", "/static/admin.js", "/static/admin.css", "/static/admin.html"])
async def test_without_a_secret_there_is_no_page(path: str) -> None:
    for operator in (False, True):
        app = Starlette(routes=pages.routes(operator=operator), exception_handlers={404: not_there})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge.test") as client:
            assert (await client.get(path)).status_code == (200 if operator else 404)
