"""The manager of connections, on a real Redis: what one edge says of its people, all edges know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
import redis.asyncio
from redis.asyncio import Redis

from kit.followers import follower
from kit.hosts import OPENER, SEALER, chat, connected, hosting, open_room, place
from kit.people import BareSocket, manager, presence
from kit.proxy import Proxy, proxied
from tavola.actors.wire.commands import RequestJoin, RoomId, TakeSeat, UserId
from tavola.actors.wire.messages import ViewAt
from tavola.edge.people import manager as managers
from tavola.edge.people.manager import EVENT_LIMIT, ConnectionManager
from tavola.edge.people.structs import GameEvent
from tavola.edge.ws.fanout import Fanout
from tavola.storage.online import OnlineReader
from tavola.storage.people import DEAD_MS, events_channel, forget
from tavola.storage.postgres import Database

Manager = ConnectionManager[Any]
ANN, BOB = UserId("ann"), UserId("bob")
ROOM = RoomId("r_people")
WRITES = ("hset", "hdel", "expire", "zadd", "zrem", "exists", "set", "del", "eval")


class Fleet:
    """Edges without anything but their managers, on one Redis."""

    def __init__(self, database: Database, url: str, kept: Redis, ending: AsyncExitStack) -> None:
        self.database, self.url, self.kept = database, url, kept
        self._ending = ending
        self._running: dict[str, asyncio.Task[None]] = {}

    async def edge(self, name: str, url: str | None = None) -> Manager:
        """An edge whose link is up."""
        one = manager(self.database, url or self.url, name)
        self._running[name] = asyncio.create_task(one.run())
        self._ending.push_async_callback(self.kill, name)
        await until(lambda: one.link.up)
        return one

    async def kill(self, name: str) -> None:
        """It says goodbye to nobody."""
        running = self._running.pop(name, None)
        if running is not None:
            assert not running.done(), "it goes on whatever happens"
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def calls(self) -> dict[str, int]:
        """How often each command that writes was run since the last time."""
        stats: dict[str, Any] = await self.kept.info("commandstats")
        await self.kept.config_resetstat()
        return {
            name: stats[f"cmdstat_{name}"]["calls"] for name in WRITES if stats.get(f"cmdstat_{name}", {}).get("calls")
        }


@asynccontextmanager
async def fleet(database_url: str, redis_url: str) -> AsyncIterator[Fleet]:
    async with (
        connected(database_url) as database,
        redis.asyncio.Redis.from_url(redis_url) as kept,
        AsyncExitStack() as ending,
    ):
        yield Fleet(database, redis_url, kept, ending)


async def until(holds: Callable[[], object] | Callable[[], Awaitable[object]], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            held = holds()
            if await held if isinstance(held, Awaitable) else held:
                return
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)


async def online(edge: Manager, room: RoomId = ROOM) -> set[str]:
    return set((await edge.online_players(room)).users)


async def alone(edge: Manager) -> set[str]:
    """The users whom it knows without Redis, as it says."""
    found = await edge.online_players(ROOM)
    assert found.partial
    return set(found.users)


async def are(edge: Manager, *users: str, room: RoomId = ROOM) -> None:
    async def holds() -> bool:
        found = await edge.online_players(room)
        return set(found.users) == set(users) and not found.partial

    await until(holds)


async def counted(edge: Manager, users: int, sockets: int) -> None:
    async def holds() -> bool:
        stats = await edge.stats()
        return (stats.online_users, stats.connections, stats.partial) == (users, sockets, False)

    await until(holds)


def plays(edge: Manager, user: UserId, socket: BareSocket, room: RoomId = ROOM) -> None:
    edge.connect(user, socket)
    edge.join_game(user, room, socket)
    edge.stands(user, room, True)


async def test_every_edge_knows_who_came_and_who_has_gone(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        one, two, three = BareSocket("1"), BareSocket("2"), BareSocket("1")
        plays(here, ANN, one)
        plays(there, ANN, three)
        plays(here, BOB, two)
        for edge in (here, there):
            await are(edge, "ann", "bob")
            await counted(edge, 2, 3)
            found = await edge.connections(ANN)
            assert all(each.last_seen > 1_000_000_000_000 for each in found.sockets)
            assert {(each.server_instance, each.socket_id, each.game_ids) for each in found.sockets} == {
                ("e1", "1", (ROOM,)), ("e2", "1", (ROOM,)),
            }  # fmt: skip
        here.disconnect(ANN, one)
        for edge in (here, there):
            await counted(edge, 2, 2)
            await are(edge, "ann", "bob")
        there.disconnect(ANN, three)
        for edge in (here, there):
            await counted(edge, 1, 1)
            await are(edge, "bob")
        here.disconnect(BOB, two)
        here.disconnect(BOB, two)
        await counted(there, 0, 0)
        left = {key.decode() async for key in it.kept.scan_iter("*")}
        assert left <= {"servers", "servers:sockets", "server:e1:heartbeat", "server:e2:heartbeat"}


async def test_a_user_is_online_for_those_of_their_part_alone(database_url: str, redis_url: str) -> None:
    """Of somebody who follows a room without a part in it nobody is told; and who gives up their part is not there."""
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        guest, seated = BareSocket("1"), BareSocket("2")
        here.connect(BOB, guest)
        assert here.join_game(BOB, ROOM, guest)
        plays(here, ANN, seated)
        await are(there, "ann")
        here.stands(ANN, ROOM, False)
        await are(there)
        assert not await it.kept.exists(f"game:{ROOM}:players", f"game:{ROOM}:session")
        assert here.followers(ROOM) == {ANN, BOB}
        assert here.leave_game(ANN, ROOM, seated)


async def test_what_it_costs(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three commands, within one script, a connect; three a disconnect; fewer when a crowd comes, none a move."""
    monkeypatch.setattr("tavola.storage.people.ConnectionBoard.ping_s", 30.0)
    monkeypatch.setattr("tavola.storage.redis.SILENT_S", 60.0)
    async with fleet(database_url, redis_url) as it:
        here = await it.edge("e1")
        await until(lambda: it.kept.exists("server:e1:heartbeat"))
        await it.calls()
        one = BareSocket("1")
        here.connect(ANN, one)
        await until(lambda: it.kept.zscore("online:users", "ann"))
        assert await it.calls() == {"eval": 1, "hset": 1, "expire": 1, "zadd": 1}
        here.disconnect(ANN, one)
        await until(lambda: _counts(it.kept, 0))
        assert await it.calls() == {"eval": 1, "hdel": 1, "exists": 1, "zrem": 1}
        many = [(UserId(f"u{n}"), BareSocket(f"{n}")) for n in range(100)]
        for user, socket in many:
            here.connect(user, socket)
        await until(lambda: _counts(it.kept, 100))
        assert await it.calls() == {"eval": 1, "hset": 100, "expire": 100, "zadd": 1}
        for user, socket in many:
            here.disconnect(user, socket)
        await until(lambda: _counts(it.kept, 0))
        assert await it.calls() == {"eval": 1, "hdel": 100, "exists": 100, "zrem": 100}


async def _absent(kept: Redis, key: str) -> bool:
    return not await kept.exists(key)


async def _counts(kept: Redis, users: int) -> bool:
    return bool(await kept.zcard("online:users") == users)


async def test_a_move_costs_nothing(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tavola.storage.people.ConnectionBoard.ping_s", 30.0)
    monkeypatch.setattr("tavola.storage.redis.SILENT_S", 60.0)
    async with fleet(database_url, redis_url) as it, hosting(it.database, "a") as table:
        told = presence(it.database, redis_url)
        fanout = Fanout(it.database, redis_url, OPENER, told)
        running = [asyncio.create_task(fanout.run()), asyncio.create_task(told.people.run())]
        await until(lambda: told.people.link.up)
        room = await open_room(it.database)
        epoch = await place(it.database, room)
        await table.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
        await table.does(epoch, "ann", TakeSeat(id="sit", room=room, seat_index=0))
        one, sink = follower("ann")
        await fanout.begin(one, room)
        seen = await table.look(epoch, "ann", room)
        assert isinstance(seen, ViewAt)
        fanout.place(one, room, seen.seq, seen.epoch, seen.audience, has_part=seen.has_part)
        await are(told.people, "ann", room=room)
        await until(lambda: it.kept.exists(f"game:{room}:session"))
        await it.calls()
        for n in range(50):
            done = await table.does(epoch, "ann", chat(room, f"move {n}"))
            fanout.heard(room, done.update)
        assert len(sink.seqs) == 50
        told.people.connect(BOB, BareSocket("1"))
        await until(lambda: it.kept.zscore("online:users", "bob"))
        assert await it.calls() == {"eval": 1, "hset": 1, "expire": 1, "zadd": 1}, "and these are Bob's"
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_an_emptied_redis_is_written_again(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        plays(here, ANN, BareSocket("1"))
        plays(there, BOB, BareSocket("1"))
        await are(here, "ann", "bob")
        await it.kept.flushall()
        assert await online(here) == {"ann"}
        for edge in (here, there):
            await are(edge, "ann", "bob")
            await counted(edge, 2, 2)


async def test_what_an_emptied_redis_lacks_is_written_without_asking_postgres(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is asked as well, some time: the edge may have missed a change while Redis was away."""
    async with fleet(database_url, redis_url) as it:
        here, room, socket = await it.edge("e1"), await open_room(it.database), BareSocket("1")
        plays(here, ANN, socket, room)
        session = f"game:{room}:session"
        await until(lambda: here.session(room))
        before = await here.session(room)
        assert before is not None
        monkeypatch.setattr(managers, "DESCRIBE_S", 60.0)
        await it.kept.flushall()
        await until(lambda: it.kept.exists(session))

        async def as_before() -> bool:
            return await here.session(room) == before

        await until(as_before)
        assert room in here._changed_rooms


async def test_an_edge_with_many_writes_no_faster_than_redis_reads(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what waits would grow until the link is given up, and all of it begun anew."""
    async with fleet(database_url, redis_url) as it:
        here = await it.edge("e1")
        monkeypatch.setattr("tavola.storage.redis.BEHIND", -1)
        looks = here._write
        looked = asyncio.Event()

        def look() -> None:
            looks()
            looked.set()

        monkeypatch.setattr(here, "_write", look)
        plays(here, ANN, BareSocket("1"))
        plays(here, BOB, BareSocket("2"))
        await looked.wait()
        assert not await it.kept.exists("connections:ann", "connections:bob")
        monkeypatch.undo()
        await are(here, "ann", "bob")


async def test_while_an_edge_is_still_writing_answers_are_partial(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managers, "BATCH", 1)
    monkeypatch.setattr(managers, "SLICE_S", 0.0)
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        plays(here, ANN, BareSocket("1"))
        plays(there, BOB, BareSocket("1"))
        await are(here, "ann", "bob")
        monkeypatch.setattr(managers, "PAUSE_S", 0.2)
        for n in range(5):
            there.connect(BOB, BareSocket(f"more {n}"))
        await counted(here, 2, 7)
        await it.kept.flushall()

        async def says(partial: bool) -> bool:
            stats, found = await here.stats(), await here.online_players(ROOM)
            return stats.partial is found.partial is partial

        await until(lambda: says(True))
        assert here.link.up
        await are(here, "ann", "bob")
        await until(lambda: says(False))
        await counted(here, 2, 7)


async def test_without_redis_an_edge_knows_its_own(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it, proxied(redis_url) as proxy:
        here, there = await it.edge("e1", proxy.url), await it.edge("e2")
        stays, leaves = BareSocket("1"), BareSocket("2")
        plays(here, ANN, stays)
        plays(here, UserId("cat"), leaves)
        plays(there, BOB, BareSocket("1"))
        await are(here, "ann", "bob", "cat")
        proxy.go_away()
        await until(lambda: not here.link.up)
        assert proxy.refused >= 1
        here.disconnect(UserId("cat"), leaves)
        comes = BareSocket("3")
        plays(here, UserId("dan"), comes)
        assert await alone(here) == {"ann", "dan"}
        stats = await here.stats()
        assert (stats.online_users, stats.connections, stats.partial) == (2, 2, True)
        found = await here.connections(ANN)
        assert ([each.socket_id for each in found.sockets], found.partial) == (["1"], True)
        assert await here.session(ROOM) is None
        proxy.come_back()
        for edge in (here, there):
            await are(edge, "ann", "bob", "dan")
            await counted(edge, 3, 3)
        fields = await it.kept.hkeys(f"game:{ROOM}:players")
        assert sorted(fields) == [b"e1.2:ann", b"e1.2:dan", b"e2.1:bob"], "its former life was cleared away"


async def test_redis_that_hangs_holds_nobody_up(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it, proxied(redis_url) as proxy:
        here = await it.edge("e1", proxy.url)
        plays(here, ANN, BareSocket("1"))
        await are(here, "ann")
        held: Proxy = proxy
        held.hold("HGETALL", 100)
        assert await alone(here) == {"ann"}
        assert held.held.is_set()
        held.release()


async def test_a_dead_edge_has_nobody(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        plays(here, ANN, BareSocket("1"))
        plays(there, BOB, BareSocket("1"))
        plays(there, ANN, BareSocket("2"))
        plays(there, BOB, BareSocket("3"), RoomId("r_other"))
        await are(here, "ann", "bob")
        await it.kill("e2")
        assert await it.kept.hkeys("connections:bob") != [], "it has left what it wrote"
        await are(here, "ann")
        await counted(here, 1, 1)
        await until(lambda: _absent(it.kept, "connections:bob"))
        assert await it.kept.hkeys("connections:ann") == [b"e1.1:1"]
        assert await it.kept.hkeys(f"game:{ROOM}:players") == [b"e1.1:ann"]
        assert not await it.kept.exists("game:r_other:players", "game:r_other:session", "servers:gone")
        assert await it.kept.zrange("online:games", 0, -1) == [ROOM.encode()]


async def test_an_edge_that_was_frozen_is_heard_of_again(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have taken it for dead, and cleared away what it wrote."""
    async with fleet(database_url, redis_url) as it, proxied(redis_url) as proxy:
        here, there = await it.edge("e1", proxy.url), await it.edge("e2")
        plays(here, ANN, BareSocket("1"))
        await are(there, "ann")
        proxy.hold("beat", 100)  # Also that of the next link: it finds this one silent.
        await proxy.held.wait()
        await until(lambda: _absent(it.kept, "connections:ann"))
        proxy.hold("", 0)
        proxy.release()
        await are(there, "ann")


async def test_an_edge_that_ends_is_gone_at_once(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        plays(here, ANN, BareSocket("1"))
        await are(there, "ann")
        here.leave()
        server = await it.kept.zscore("servers", "e1.1")
        await until(lambda: _gone(it.kept, "e1.1"))
        assert server is None or server > 0
        await are(there)


async def _gone(kept: Redis, server: str) -> bool:
    return await kept.zscore("servers", server) is None


async def test_entries_end_unless_they_are_renewed(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managers, "RENEW_S", 0.2)
    monkeypatch.setattr(managers, "SHARES", 1)
    async with fleet(database_url, redis_url) as it:
        here = await it.edge("e1")
        plays(here, ANN, BareSocket("1"))
        await are(here, "ann")
        await until(lambda: it.kept.exists("server:e1:heartbeat"))
        lives = {"connections:ann": 3600, f"game:{ROOM}:players": 7200, "server:e1:heartbeat": 60}
        lives |= {"servers": 3600, "servers:sockets": 3600}
        for key, lives_s in lives.items():
            await until(lambda key=key, lives_s=lives_s: _lives(it.kept, key, lives_s))
        await it.kept.expire("connections:ann", 5)
        await it.kept.zadd("online:users", {"ann": 5})
        await until(lambda: _lives(it.kept, "connections:ann", 3600))
        await until(lambda: _scored(it.kept))


async def _lives(kept: Redis, key: str, lives_s: int) -> bool:
    return lives_s - 30 < await kept.ttl(key) <= lives_s


async def _scored(kept: Redis) -> bool:
    return (await kept.zscore("online:users", "ann") or 0) > 5


async def test_a_connection_takes_less_than_a_kilobyte(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here = await it.edge("e1")
        for n in range(600):
            plays(here, UserId(f"u_{n:016x}"), BareSocket(f"{n}"), RoomId(f"r_{n // 6:016x}"))
        await counted(here, 600, 600)
        await until(lambda: _games(it.kept, 100))
        taken = 0
        async for key in it.kept.scan_iter("*", count=1000):
            taken += await it.kept.memory_usage(key, samples=0) or 0
        assert 100 < taken / 600 <= 1024, taken / 600


async def _games(kept: Redis, games: int) -> bool:
    return bool(await kept.zcard("online:games") == games)


async def test_a_room_is_told_as_it_is(database_url: str, redis_url: str) -> None:
    """And a game in which play goes on counts while somebody is there."""
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        room, socket = await open_room(it.database), BareSocket("1")
        plays(here, ANN, socket, room)

        async def state(edge: Manager, *, active: int) -> str | None:
            found = await edge.session(room)
            return found.state if found is not None and (await edge.stats()).active_games == active else None

        await until(lambda: _is(state(there, active=0), "waiting"))
        for status, wanted, active in (
            ("playing", "active", 1), ("paused", "paused", 0), ("playing", "active", 1), ("closed", "completed", 0),
        ):  # fmt: skip
            await execute(it.database, "UPDATE rooms SET status = $2 WHERE id = $1", room, status)
            here.changed(room)
            await until(lambda: _is(state(there, active=active), wanted))  # noqa: B023
        found = await there.session(room)
        assert found is not None
        assert (found.id, found.server_instance, found.players) == (room, "e1", ())
        assert found.last_activity >= found.created_at > 0
        here.disconnect(ANN, socket)
        await until(lambda: _absent(it.kept, f"game:{room}:session"))
        assert await there.session(room) is None


async def _is(found: Awaitable[object], wanted: object) -> bool:
    return await found == wanted


async def execute(database: Database, statement: str, *arguments: Any) -> None:
    connection = await database.take()
    try:
        await connection.execute(statement, *arguments)
    finally:
        await database.give_back(connection)


async def test_a_writer_to_redis_puts_nobody_anywhere(database_url: str, redis_url: str) -> None:
    """Nor does it help to copy what is sealed for another place."""
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        plays(here, ANN, BareSocket("1"))
        await are(there, "ann")
        [sealed] = await it.kept.hvals(f"game:{ROOM}:players")
        for name, value in (("bob", sealed), ("cat", b"5"), ("dan", b"")):
            await it.kept.hset(f"game:{ROOM}:players", f"e1.1:{name}", value)
        await it.kept.hset("game:r_other:players", "e1.1:ann", sealed)
        assert await online(there) == {"ann"}
        assert there.not_opened == 3
        assert await online(there, RoomId("r_other")) == set()
        await it.kept.set(f"game:{ROOM}:session", b'{"id":"r"}')
        assert await there.session(ROOM) is None
        texts = [sealed, *await it.kept.hvals("connections:ann")]
        assert not any(ROOM.encode() in text for text in texts)


async def test_what_is_broadcast_is_heard_on_every_edge_once(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here, there = await it.edge("e1"), await it.edge("e2")
        heard: dict[str, list[GameEvent]] = {"e1": [], "e2": [], "other": []}
        ends = [edge.on_game_event(ROOM, heard[edge.edge].append) for edge in (here, there)]
        there.on_game_event(RoomId("r_other"), heard["other"].append)
        there.on_game_event(ROOM, _fails)
        await until(lambda: _followed(it.kept, 2))
        here.broadcast(ROOM, GameEvent("wave", ANN, data={"hand": "left"}))
        await until(lambda: heard["e2"] and heard["e1"])
        assert heard["e1"] == heard["e2"]
        [event] = heard["e2"]
        assert (event.type, event.user_id, event.game_id, event.data) == ("wave", ANN, ROOM, {"hand": "left"})
        assert (event.server_instance, event.timestamp > 0) == ("e1", True)
        channel = events_channel(ROOM)
        for lie in (msgspec.json.encode(event), SEALER.seal("elsewhere", msgspec.json.encode(event))):
            await it.kept.publish(channel, lie)
        await it.kept.publish(channel, SEALER.seal(channel, b"no event"))
        there.broadcast(ROOM, GameEvent("again"))
        await until(lambda: len(heard["e1"]) == 2)
        await until(lambda: there.not_opened == 2)
        assert [each.type for each in heard["e2"]] == ["wave", "again"]
        for end in ends:
            end()
            end()
        assert heard["other"] == []
        with pytest.raises(ValueError, match="at most"):
            here.broadcast(ROOM, GameEvent("large", data={"text": "x" * EVENT_LIMIT}))


def _fails(event: GameEvent) -> None:
    raise RuntimeError(event.type)


async def _followed(kept: Redis, edges: int) -> bool:
    [(_, count)] = await kept.pubsub_numsub(events_channel(ROOM))
    return bool(count == edges)


async def test_without_redis_an_event_is_heard_here(database_url: str) -> None:
    async with connected(database_url) as database:
        here = manager(database, "redis://127.0.0.1:1")
        heard: list[GameEvent] = []
        here.on_game_event(ROOM, heard.append)
        here.broadcast(ROOM, GameEvent("wave"))
        await until(lambda: heard)
        await here.online.close()


async def test_a_user_who_is_forgotten_is_in_no_key(database_url: str, redis_url: str) -> None:
    async with fleet(database_url, redis_url) as it:
        here = await it.edge("e1")
        plays(here, ANN, BareSocket("1"))
        plays(here, BOB, BareSocket("2"))
        await until(lambda: _counts(it.kept, 2))
        await until(lambda: _games(it.kept, 1))
        await forget(it.kept, ["ann"])
        assert await it.kept.hkeys(f"game:{ROOM}:players") == [b"e1.1:bob"]
        assert await it.kept.zrange("online:users", 0, -1) == [b"bob"]
        assert not await it.kept.exists("connections:ann")


async def test_only_the_living_count_by_redis_own_clock(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as kept:
        seconds, _ = await kept.time()
        now = int(seconds) * 1000
        await kept.zadd("servers", {"old.1": now - DEAD_MS - 1000, "new.1": now, "new.2": now + 500})
        await kept.hset("servers:sockets", mapping={"old.1": 5, "new.1": 7, "new.2": 3})
        reader = OnlineReader(redis_url, OPENER)
        counts = await reader.counts()
        assert counts is not None
        assert counts.sockets == {"new": 3}, "of an edge's lives the last counts"
        await reader.close()


async def test_a_life_counts_until_the_next_has_written_everything(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as kept:
        seconds, _ = await kept.time()
        now = int(seconds) * 1000

        async def wrote(server: str, *users: str) -> None:
            for user in users:
                field = f"{server}:{user}"
                sealed = SEALER.seal(f"game:{ROOM}:players {field}", b"1")
                await kept.hset(f"game:{ROOM}:players", field, sealed)

        reader = OnlineReader(redis_url, OPENER)

        async def told() -> tuple[list[str], set[str]]:
            found = await reader.players(ROOM)
            assert found is not None
            return sorted(each.of for each in found.entries), found.writing

        await wrote("e1.1", "ann", "bob")
        await wrote("e1.2", "ann")
        await kept.zadd("servers", {"e1.1": now, "e1.2": now + 500})
        await kept.hset("servers:sockets", mapping={"e1.1": "2", "e1.2": "1+"})
        assert await told() == (["ann", "bob"], {"e1"})
        await kept.hset("servers:sockets", "e1.2", "1")
        assert await told() == (["ann"], set()), "Bob went while the link was down"
        await reader.close()


async def test_an_edge_knows_how_many_sockets_the_others_have_and_whether_there_are_others(
    database_url: str, redis_url: str
) -> None:
    async with fleet(database_url, redis_url) as edges:
        ends = await edges.edge("ends")
        ends.connect(ANN, BareSocket("1"))
        await counted(ends, 1, 1)
        assert await ends.current_elsewhere() is None
        other = await edges.edge("other")

        async def are_elsewhere(sockets: int) -> None:
            async def holds() -> bool:
                return await ends.current_elsewhere() == sockets

            await until(holds)

        await are_elsewhere(0)
        for user in (ANN, BOB):
            other.connect(user, BareSocket(f"of {user}"))
        await are_elsewhere(2)
        other.catching_up = 1
        await are_elsewhere(1)
        other.catching_up = 0
        await are_elsewhere(2)
        other.leave()

        async def alone_again() -> bool:
            return await ends.current_elsewhere() is None

        await until(alone_again)
