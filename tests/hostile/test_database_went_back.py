"""The database goes back, as after a failover that lost commits or with a backup put back: nobody keeps a board that
never was, and equal numbers of two histories are told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from kit.followers import Sink
from kit.hosts import (
    OPENER,
    SEALER,
    SECRET,
    Published,
    Table,
    chat,
    connected,
    hosting,
    log_of,
    open_room,
    place,
    stored,
)
from kit.people import manager
from kit.proxy import proxied
from kit.rooms import sender
from tavola.actors.cluster.directory import ClusterUnavailable, Directory
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import CloseRoom, LeaveSeat, RequestJoin, RoomId, TakeSeat, UserId
from tavola.actors.wire.line import LineServer
from tavola.actors.wire.messages import Evict, Moved, Submit
from tavola.client.follower import Fault, Follower
from tavola.client.frames import Hydrated, Json, UpdateReceived, Updates, decode_full
from tavola.client.merge import difference
from tavola.client.view import FullView
from tavola.config.clock import now_ms
from tavola.edge.identity.auth import Identities, Identity
from tavola.edge.identity.authenticator import Authenticator
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.reconnection import ReconnectionTokens
from tavola.edge.identity.services import KnownServices
from tavola.edge.identity.session_cache import SessionCache
from tavola.edge.identity.sessions import Sessions
from tavola.edge.identity.sign_outs import SignOuts
from tavola.edge.identity.tokens import Tokens
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.router import Router
from tavola.edge.ws.connection import Connection, Services
from tavola.edge.ws.fanout import Fanout
from tavola.storage.postgres import Database
from tavola.storage.redis import RedisPublisher

TABLES = (
    "rooms", "room_players", "room_seats", "room_spectators", "games", "game_states", "log", "commands", "hands",
    "checkpoints", "rejoin_tokens",
)  # fmt: skip
"""All that is written of a room, parents first."""
WRITTEN = """\
SELECT string_agg(attname, ', ') FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
"""The columns of a table that are not computed from others."""
ROOM_IN = {"rooms": "id", "commands": "'r_' || left(replace(key::text, '-', ''), 16)"}
"""Where the room's id stands, if not in `room_id`."""
APART = ("at", "stale", "recent", "me.rejoin_token", "seats.*.status")


# A database that can go back


class Backup:
    """The rows that the database holds of a room at some moment: of one that was never taken, nothing."""

    def __init__(self, database: Database, room: RoomId) -> None:
        self._database, self._room = database, room
        self._rows = dict.fromkeys(TABLES, "[]")
        self.seq = -1

    async def take(self) -> Backup:
        connection = await self._database.take()
        try:
            async with connection.transaction(isolation="repeatable_read"):
                for table in TABLES:
                    room = ROOM_IN.get(table, "room_id")
                    rows = await connection.fetchval(
                        f"SELECT coalesce(json_agg(t), '[]') FROM {table} t WHERE {room} = $1", self._room
                    )
                    self._rows[table] = rows
        finally:
            await self._database.give_back(connection)
        states = json.loads(self._rows["game_states"])
        self.seq = states[0]["seq"] if states else -1
        return self

    async def put_back(self) -> None:
        """On return the database has gone back: it was further, and what came after is gone."""
        before = await self._database.row("positions", rooms=[self._room])
        connection = await self._database.take()
        try:
            async with connection.transaction():
                for table in reversed(TABLES):
                    room = ROOM_IN.get(table, "room_id")
                    await connection.execute(f"DELETE FROM {table} WHERE {room} = $1", self._room)
                for table in TABLES:
                    columns = await connection.fetchval(WRITTEN, table)
                    rows = f"SELECT {columns} FROM json_populate_recordset(null::{table}, $1::json)"
                    await connection.execute(f"INSERT INTO {table} ({columns}) {rows}", self._rows[table])
        finally:
            await self._database.give_back(connection)
        assert before is not None
        assert before["seq"] > self.seq, "commits were lost"


# A cluster without processes


class Aloud(Published):
    """All that an actor publishes goes to Redis too."""

    def __init__(self, redis: RedisPublisher) -> None:
        super().__init__()
        self._redis = redis

    def publish(self, room: str, epoch: int, seq: int, message: bytes) -> None:
        super().publish(room, epoch, seq, message)
        self._redis.publish(room, epoch, seq, message)


@asynccontextmanager
async def actor(database: Database, name: str, published: Published | None = None) -> AsyncIterator[Table]:
    """A host with its door open; leaving ends it, as death does."""
    async with hosting(database, name, published=published) as table:
        server = LineServer(name, SECRET, table.host.handle, table.host.presence.lost, errand=table.host.errand)
        address = await server.start("127.0.0.1")
        await execute(database, "UPDATE room_actors SET address = $1 WHERE name = $2", address, name)
        try:
            yield table
        finally:
            await server.stop()


class _NoCluster:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise ClusterUnavailable("there are as many actors as the test has started")


class Edge:
    def __init__(self, services: Services) -> None:
        self.services = services

    def player(self, user: str, **held: Any) -> Player:
        """A user's socket, who has said who they are, and what they hold."""
        one = Player(self.services, user)
        now = now_ms()
        token = self.services.who.identities.token(Identity(UserId(user), user.title(), now // 1000 + 600, now))
        one.say(type="authenticate", token=token, **held)
        return one

    async def follows(self, user: str, room: RoomId) -> Player:
        one = self.player(user)
        one.say(type="join_room", room=room)
        await one.has(lambda: one.hydrations)
        return one


@asynccontextmanager
async def edge(database: Database, redis_url: str, name: str) -> AsyncIterator[Edge]:
    presence = EdgePresence(database, manager(database, redis_url, name))
    fanout = Fanout(database, redis_url, OPENER, presence)
    router = Router(Directory(database, _NoCluster()), SECRET, 5.0, presence)
    cache, sign_outs = SessionCache(redis_url, SEALER, OPENER), SignOuts(database, lambda user, at: None)
    identities, sessions = Identities(SECRET, sign_outs.covers), Sessions(database, cache, sign_outs)
    who = Authenticator(identities, sessions, sign_outs, Origins(()), None, KnownServices(database))
    services = Services(who, ReconnectionTokens(database, Tokens(SECRET), now_ms), router, fanout, database)
    running = [asyncio.create_task(fanout.run()), asyncio.create_task(presence.run(router))]
    try:
        yield Edge(services)
    finally:
        presence.stop()
        for connection in list(services.connections):
            connection.gone()
        router.close()
        for task in running:
            assert not task.done(), "it goes on whatever happens"
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await cache.close()


class Player(Sink):
    """A socket on an edge, with the client's own follower behind it: what its user holds of the room."""

    unsent = 0

    def __init__(self, services: Services, user: str) -> None:
        super().__init__()
        self.user = user
        self.hydrations = 0
        self.faults: list[Fault] = []
        self.follower: Follower[Json, list[Json]] = Follower(FullView(), self)
        self.follower.asking()
        self.connection = Connection(self, services)

    def say(self, **frame: Any) -> None:
        self.connection.message(msgspec.json.encode(frame), True)

    def write(self, frame: bytes) -> None:
        super().write(frame)
        taken = decode_full(msgspec.json.encode(self.payloads[-1]))
        if isinstance(taken, UpdateReceived):
            self.follower.update(taken)
        elif isinstance(taken, Updates):
            self.follower.updates(taken)
        elif isinstance(taken, Hydrated):
            self.hydrations += 1
            self.follower.hydrated(taken)

    def close(self, code: int, reason: str) -> None:
        self.faults.append(Fault("closed", code, reason))

    def joins(self, room: RoomId, seq: int, epoch: int | None = None) -> None:
        """As a client that holds this."""
        self.follower.seq, self.follower.epoch = seq, epoch
        self.say(type="join_room", room=room, after=seq, **({} if epoch is None else {"epoch": epoch}))

    @property
    def view(self) -> Json:
        assert isinstance(self.follower.view, FullView)
        return self.follower.view.data

    @property
    def at(self) -> tuple[int, int | None]:
        return self.follower.seq, self.follower.epoch

    @property
    def seated(self) -> dict[str, str]:
        return {index: seat["user_id"] for index, seat in self.view.get("seats", {}).items()}

    async def has(self, holds: Any) -> None:
        await self.pulse.until(holds)

    # News from a follower

    def updated(self, update: UpdateReceived[Json, list[Json]]) -> None: ...

    def hydrated(self, frame: Hydrated[Json], before: int) -> None: ...

    def faulted(self, fault: Fault) -> None:
        self.faults.append(fault)


async def execute(database: Database, statement: str, *arguments: Any) -> list[Any]:
    connection = await database.take()
    try:
        found: list[Any] = await connection.fetch(statement, *arguments)
        return found
    finally:
        await database.give_back(connection)


async def sits(table: Table, epoch: int, room: RoomId, user: str, index: int) -> int:
    """`user` comes in and takes that seat: two updates. The number of the last."""
    await table.does(epoch, user, RequestJoin(id=f"join {user}", room=room, display_name=user.title()))
    return (await table.does(epoch, user, TakeSeat(id=f"sit {user}", room=room, seat_index=index))).seq


async def same_view(table: Table, epoch: int, room: RoomId, *players: Player) -> None:
    """Each holds, at the room's own number, what the database has."""
    for player in players:
        truth = await table.view(epoch, player.user, room)
        assert player.at == (truth["seq"], truth["epoch"])
        assert difference({**player.view, "seq": 0, "epoch": 0}, {**truth, "seq": 0, "epoch": 0}, APART) is None


@pytest.mark.parametrize("redis", [True, False], ids=["with Redis", "without"])
@pytest.mark.parametrize("survives", [True, False], ids=["actor lives", "actor dies"])
async def test_everybody_is_given_the_board_that_is(
    database_url: str, redis_url: str, survives: bool, redis: bool
) -> None:
    """Two edges; after the backup Ann has come to the table, which then never was. Nobody makes a move."""

    async with AsyncExitStack() as stack, AsyncExitStack() as mortal:
        database = await stack.enter_async_context(connected(database_url, most=6))
        proxy = await stack.enter_async_context(proxied(redis_url))
        publisher = RedisPublisher(proxy.url, SEALER)
        publishing = asyncio.create_task(publisher.run())
        stack.callback(publishing.cancel)
        if not redis:
            proxy.go_away()
        a = await mortal.enter_async_context(actor(database, "a", Aloud(publisher)))
        edges = [await stack.enter_async_context(edge(database, proxy.url, name)) for name in ("one", "two")]
        room = await open_room(database)
        epoch = await place(database, room)
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        players = [await edges[i % 2].follows(user, room) for i, user in enumerate(("host", "ann", "host", "gus"))]
        backup = await Backup(database, room).take()
        last = await sits(a, epoch, room, "ann", 1)
        await asyncio.gather(*(player.has(lambda p=player: p.follower.seq == last) for player in players))
        assert players[0].seated == {"0": "host", "1": "ann"}
        b = await stack.enter_async_context(actor(database, "b", Aloud(publisher)))
        if not survives:
            await mortal.aclose()
            await execute(database, "DELETE FROM room_actors WHERE name = 'a'")
        with capture_logs() as logs:
            await backup.put_back()
            await asyncio.gather(*(player.has(lambda p=player: p.hydrations == 2) for player in players))
        told = [entry for entry in logs if entry["event"] == "room.history_lost"]
        assert [(entry["room"], entry["seq"], entry["found"]) for entry in told] == [(room, last, backup.seq)] * 2
        for one in edges:
            assert b"tavola_histories_lost_total 1.0" in one.services.metrics.text()
        owner = await stored(database, room)
        table = {"a": a, "b": b}[owner["actor"]]
        assert (owner["actor"] == "a") == survives
        assert players[0].seated == {"0": "host"}
        await asyncio.gather(*(player.has(lambda p=player: p.follower.seq >= backup.seq) for player in players))
        again = await sits(table, owner["epoch"], room, "bea", 1)
        assert again > backup.seq
        await asyncio.gather(*(player.has(lambda p=player: p.follower.seq == again) for player in players))
        assert players[0].seated == {"0": "host", "1": "bea"}
        await same_view(table, owner["epoch"], room, *players)
        assert [player.hydrations for player in players] == [2] * 4, "and once is enough"
        assert [[fault.kind for fault in player.faults] for player in players] == [["went_back"]] * 4
        await mortal.aclose()


@pytest.mark.parametrize("heard", [True, False], ids=["heard of", "found by asking"])
async def test_equal_numbers_of_two_histories(database_url: str, redis_url: str, heard: bool) -> None:
    """While an edge is cut off from it, the database goes back, and on again to the very number that was shown."""

    async with (
        connected(database_url, most=6) as database,
        proxied(database_url) as proxy,
        connected(proxy.url) as distant,
        actor(database, "a") as a,
        actor(database, "b") as b,
        edge(distant, redis_url, "one") as one,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        host = await one.follows("host", room)
        backup = await Backup(database, room).take()
        last = await sits(a, epoch, room, "ann", 1)
        await host.has(lambda: host.follower.seq == last)
        shown = host.at
        proxy.go_away()
        await backup.put_back()
        epoch = await place(database, room, avoid="a")
        while (await stored(database, room))["seq"] < last - 2:
            await b.does(epoch, "host", chat(room, f"on {len(b.published.messages)}"))
        assert await sits(b, epoch, room, "bea", 1) >= last
        [there] = [row for row in await log_of(database, room) if row["seq"] == last]
        assert there["epoch"] != shown[1], "the number is another's"
        if heard:
            for where, update in b.published.messages:
                one.services.fanout.heard(where, codec.encode(update))
            assert host.at == shown, "none of it was taken for what comes next"
        proxy.come_back()
        await host.has(lambda: host.hydrations == 2)
        assert host.seated == {"0": "host", "1": "bea"}
        assert {fault.kind for fault in host.faults} <= {"went_back"}
        await same_view(b, epoch, room, host)


async def test_what_a_client_says_that_it_has_is_looked_at(database_url: str, redis_url: str) -> None:
    """A client comes back to an edge that was started since and knows of nothing."""

    async with (
        connected(database_url, most=6) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        edge(database, redis_url, "one") as one,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        rows = await log_of(database, room)
        kept = (rows[-1]["seq"], rows[-1]["epoch"])
        backup = await Backup(database, room).take()
        for number in range(6):
            await a.does(epoch, "host", chat(room, f"lost {number}"))
        lost = [(row["seq"], row["epoch"]) for row in (await log_of(database, room))[-6:]]
        await backup.put_back()
        epoch = await place(database, room, avoid="a")
        for number in range(2):
            await b.does(epoch, "host", chat(room, f"true {number}"))
        stands = (await stored(database, room))["seq"]
        assert lost[0][0] < stands < lost[-1][0], "behind, at and beyond"
        host = one.player("host")
        for number, (seq, at) in enumerate(lost):
            host.joins(room, seq, at)
            await host.has(lambda number=number: host.hydrations == number + 1)
            assert (host.payloads[-1]["type"], host.payloads[-1]["seq"]) == ("hydrated", stands)
        host.joins(room, stands + 1)
        await host.has(lambda: host.hydrations == len(lost) + 1)
        assert {fault.kind for fault in host.faults} == {"went_back"}
        host.faults.clear()
        host.joins(room, *kept)
        await host.has(lambda: host.payloads[-1]["type"] == "updates")
        missed = host.payloads[-1]["updates"]
        assert [update["seq"] for update in missed] == list(range(kept[0] + 1, stands + 1)), "this is of the history"
        assert {update["epoch"] for update in missed} == {epoch}
        again = one.player("host")
        again.joins(room, kept[0])
        await again.has(lambda: again.payloads[-1]["type"] == "updates")  # a client that knows of no epochs
        assert host.faults == again.faults == []
        early = one.player("host", after={room: lost[0][0]}, epochs={room: lost[0][1]})
        early.say(type="join_room", room=room)
        await early.has(lambda: early.hydrations == 1)


async def test_who_takes_over_an_unbroken_history_breaks_nothing(database_url: str, redis_url: str) -> None:
    """Placed again and again, by death and by eviction: each number once, nobody is given another view, no alarm."""

    async with (
        connected(database_url, most=6) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        edge(database, redis_url, "one") as one,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        host = await one.follows("host", room)
        epochs = {epoch}
        with capture_logs() as logs:
            for table, avoid in ((b, "a"), (a, "b"), (b, "a"), (a, "b")):
                await table.ask(Evict(epoch, room))
                epoch = await place(database, room, avoid=avoid)
                done = await table.does(epoch, "host", chat(room, f"on {epoch}"))
                await host.has(lambda seq=done.seq: host.follower.seq >= seq)
                epochs.add(epoch)
        assert len(epochs) == 5
        assert (host.hydrations, host.faults) == (1, [])
        await same_view(a, epoch, room, host)
        assert not [entry for entry in logs if entry["event"] == "room.history_lost"]
        assert one.services.fanout.lost == 0


async def test_an_actor_of_the_lost_history_cannot_write_into_the_other(database_url: str) -> None:
    """As many placements and as many moves later, the row looks to it just as it left it."""

    async with (
        connected(database_url, most=6) as database,
        hosting(database, "a") as a,
        hosting(database, "b") as b,
        hosting(database, "c") as c,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        owner = {"a": a, "b": b, "c": c}[(await stored(database, room))["actor"]]
        await owner.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        backup = await Backup(database, room).take()
        first = await place(database, room, avoid=owner.name)
        lost = {"a": a, "b": b, "c": c}[(await stored(database, room))["actor"]]
        last = await sits(lost, first, room, "ann", 1)
        await backup.put_back()
        await execute(database, "UPDATE room_actors SET suspect_at = now() WHERE name = $1", lost.name)
        second = await place(database, room, avoid=owner.name)
        true = {"a": a, "b": b, "c": c}[(await stored(database, room))["actor"]]
        assert true is not lost
        assert await sits(true, second, room, "bea", 1) == last
        answer = await lost.ask(Submit(first, sender("ann"), LeaveSeat(id="stand", room=room)))
        assert answer == Moved(), "it was fenced"
        assert [row["user_id"] for row in await execute(database, "SELECT user_id FROM room_seats ORDER BY 1")] == [
            "bea",
            "host",
        ]
        view = await true.view(second, "bea", room)
        assert (view["seq"], view["seats"]["1"]["user_id"]) == (last, "bea")


async def test_one_actor_gives_no_number_twice_under_one_epoch(database_url: str) -> None:
    """It has let the room go, which the database forgets; by what that says the room is still where it was."""

    async with connected(database_url) as database, hosting(database, "a") as a:
        room = await open_room(database)
        epoch = await place(database, room)
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        backup = await Backup(database, room).take()
        lost = await a.does(epoch, "host", chat(room, "lost"))
        assert (await log_of(database, room))[-1]["epoch"] == epoch
        [loaded] = a.host.rooms.all()
        await a.host.rooms.release(loaded)
        await backup.put_back()
        row = await stored(database, room)
        assert (row["actor"], row["epoch"]) == ("a", epoch)
        true = await a.does(epoch, "host", chat(room, "true"))
        [there] = [row for row in await log_of(database, room) if row["seq"] == lost.seq]
        assert true.seq >= lost.seq
        assert there["epoch"] > epoch


async def test_a_room_that_never_was(database_url: str, redis_url: str) -> None:
    """It was opened after the backup: those at the table are told that there is none."""

    async with (
        connected(database_url, most=6) as database,
        actor(database, "a") as a,
        edge(database, redis_url, "one") as one,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        host = await one.follows("host", room)
        await Backup(database, room).put_back()
        await host.has(lambda: host.payloads[-1]["type"] == "error")
        assert (host.payloads[-1]["code"], host.payloads[-1]["room"]) == ("room_not_found", room)
        assert one.services.fanout.rooms() == []


async def test_the_log_of_a_closed_room_is_removed_and_nobody_is_alarmed(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url, most=6) as database,
        actor(database, "a") as a,
        edge(database, redis_url, "one") as one,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        await a.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        host = await one.follows("host", room)
        closed = await a.does(epoch, "host", CloseRoom(id="close", room=room))
        await host.has(lambda: host.follower.seq == closed.seq)
        await execute(database, "DELETE FROM log WHERE room_id = $1", room)
        assert await log_of(database, room) == []
        [raised] = await database.rows("raise_epochs", rooms=[room], epochs=[epoch])
        async with asyncio.timeout(20):
            # Until the edge has asked where the room is, and has told whoever owns it now.
            while [slot.epoch for slot in a.host.rooms.all()] != [raised["epoch"]]:
                await database.rows("ping")
        assert (host.hydrations, one.services.fanout.lost) == (1, 0)


async def test_a_database_of_the_version_before(database_url: str, redis_url: str) -> None:
    """There epochs were counted: 1, 2, 3. The rooms in its log go on, and clients that saw them too."""

    async with (
        connected(database_url, most=6) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        edge(database, redis_url, "one") as one,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        last = await sits(a, epoch, room, "ann", 1)
        await a.ask(Evict(epoch, room))
        await execute(database, "UPDATE actions SET epoch = 1 + (seq > 1)::integer WHERE room_id = $1", room)
        await execute(database, "UPDATE game_states SET epoch = 2 WHERE room_id = $1", room)
        await execute(database, "UPDATE rooms SET epoch = 2, actor = NULL WHERE id = $1", room)
        host = one.player("host")
        host.joins(room, 1, 1)
        await host.has(lambda: host.payloads[-1]["type"] == "updates")
        assert [u["seq"] for u in host.payloads[-1]["updates"]] == list(range(2, last + 1))
        ann = await one.follows("ann", room)
        assert ann.at[0] >= last
        epoch = (await stored(database, room))["epoch"]
        assert 2**50 < epoch < 2**53
        owner = {"a": a, "b": b}[(await stored(database, room))["actor"]]
        done = await owner.does(epoch, "ann", chat(room, "on"))
        await asyncio.gather(*(each.has(lambda p=each: p.follower.seq >= done.seq) for each in (host, ann)))
        assert (ann.hydrations, host.hydrations, one.services.fanout.lost) == (1, 0, 0)
        assert ann.faults == host.faults == []
