"""Presence as an edge tells it: to actors over real lines, to Postgres, to Redis, to those inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from kit.edges import Actor, Edge, NoCluster, actor, edge, execute
from kit.followers import follower
from kit.hosts import SEALER, SECRET, connected, open_room, place, stored
from kit.rooms import sender
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.steward import Steward
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import Epoch, RequestJoin, RoomId, Seq, Spectate, StopSpectating, TakeSeat, UserId
from tavola.actors.wire.messages import Answer, GetView, ReportPresence, Submit
from tavola.config.settings import Settings
from tavola.edge.ws import fanout as fanouts
from tavola.storage.postgres import Database
from tavola.storage.redis import RedisPublisher


async def test_who_asks_to_follow_is_announced_before_he_has_his_view(database_url: str, redis_url: str) -> None:
    """So nobody who opens a second tab, and then closes the first, is missed in between."""

    async with connected(database_url) as database, actor(database, "a") as one, edge(database, redis_url) as here:
        room = await open_room(database)
        await place(database, room)
        waiting, _ = follower("host")
        await here.fanout.begin(waiting, room)
        await one.has(room, ({"host"}, set(), set()))
        here.fanout.end(waiting, room)
        await one.has(room, ({"host"}, set(), set()), (set(), {"host"}, set()))


async def test_first_and_last_sockets_are_told_and_those_between_are_not(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        first, _ = await e.joins(one, "ann", room, epoch)
        await one.has(room, ({"ann"}, set(), set()))
        second, _ = await e.joins(one, "ann", room, epoch)
        # A resync is neither a coming nor a going.
        await e.fanout.begin(first, room)
        e.fanout.end(first, room)
        e.fanout.end(first, room)
        await e.joins(one, "bob", room, epoch)
        await one.has(room, ({"ann"}, set(), set()), ({"bob"}, set(), set()))
        e.fanout.end(second, room)
        await one.has(room, ({"ann"}, set(), set()), ({"bob"}, set(), set()), (set(), {"ann"}, set()))


async def test_requests_are_told_once_in_a_while_and_only_without_a_socket(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        for _ in range(3):
            e.presence.touch(room, UserId("ann"))
        await one.has(room, (set(), {"ann"}, {"ann"}))
        await e.joins(one, "bob", room, epoch)
        e.presence.touch(room, UserId("ann"))
        e.presence.touch(room, UserId("bob"))
        await one.pulse.until(lambda: len(one.attends(room)) == 2)
        assert one.attends(room)[1] == ({"bob"}, set(), set())
        ann, _ = await e.joins(one, "ann", room, epoch)
        await one.pulse.until(lambda: len(one.attends(room)) == 3)
        e.fanout.end(ann, room)
        await one.pulse.until(lambda: len(one.attends(room)) == 4)
        assert one.attends(room)[2:] == [({"ann"}, set(), set()), (set(), {"ann"}, set())]


async def test_everybody_is_announced_to_the_next_actor(database_url: str, redis_url: str) -> None:
    """Nobody on this edge does anything: that the room was placed elsewhere is seen in its row."""

    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        actor(database, "b") as other,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await e.joins(one, "ann", room, epoch)
        await e.joins(one, "bob", room, epoch)
        e.presence.touch(room, UserId("cat"))
        await one.pulse.until(lambda: {"cat"} in [lately for _, _, lately in one.attends(room)])
        raised = await place(database, room, avoid="a")
        await other.has(room, ({"ann", "bob"}, {"cat"}, {"cat"}))
        said = [request for request in other.asked if isinstance(request, ReportPresence)]
        assert [request.epoch for request in said] == [raised]
        for _ in range(2):
            # Later rounds find nothing new in this room, while they do in another.
            later = await open_room(database)
            at = await place(database, later, avoid="b")
            await e.joins(one, "ann", later, at)
            await one.has(later, ({"ann"}, set(), set()))
            await place(database, later, avoid="a")
            await other.has(later, ({"ann"}, set(), set()))
        assert len(other.attends(room)) == 1, "once is enough"


async def test_an_update_of_another_epoch_ends_the_way_to_the_actor_before(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may live, know nothing of the move that is shown here, and refuse the next by a state before it."""
    monkeypatch.setattr(fanouts, "POLL_S", 3600.0)

    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        actor(database, "b") as other,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await e.joins(one, "host", room, epoch)
        await one.has(room, ({"host"}, set(), set()))
        raised = await place(database, room, avoid="a")
        await other.table.does(raised, "host", TakeSeat(id="sit", room=room, seat_index=0))
        [(_, update)] = other.table.published.messages
        e.fanout.heard(room, codec.encode(update))
        await other.has(room, ({"host"}, set(), set()))
        again = TakeSeat(id="again", room=room, seat_index=1)
        await e.router.ask(room, lambda at: Submit(at, sender("host"), again))
        assert again in [asked.command for asked in other.asked if isinstance(asked, Submit)]
        assert not any(isinstance(asked, Submit) for asked in one.asked)


async def test_everybody_is_announced_again_when_the_line_was_cut(database_url: str, redis_url: str) -> None:
    """By the network, say, with the actor alive: it has begun to count the edge as lost."""

    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        await e.joins(one, "ann", room, epoch)
        await one.has(room, ({"ann"}, set(), set()))
        for end in list(one.server.ends):
            end.cut("by the test")
        await one.pulse.until(lambda: len(one.attends(room)) == 2)
        assert one.lost == [e.name]
        assert (await stored(database, room))["epoch"] == epoch


async def test_what_could_not_be_told_is_told_later_as_it_is_then(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.edge.routing.presence.AGAIN_S", 0.05)
    monkeypatch.setattr("tavola.edge.routing.router.ANSWER_WITHIN_S", 0.2)

    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        for user in ("ann", "bob"):
            await one.table.does(epoch, user, RequestJoin(id="join", room=room, display_name=user))
            await one.table.does(epoch, user, Spectate(id="watch", room=room))
        ann, _ = await e.joins(one, "ann", room, epoch)
        await one.has(room, ({"ann"}, set(), set()))
        bob, _ = await e.joins(one, "bob", room, epoch)
        await one.pulse.until(lambda: len(one.attends(room)) == 2)
        await one.server.stop()
        e.fanout.end(ann, room)
        e.fanout.end(bob, room)
        again, _ = await e.joins(one, "bob", room, epoch)
        await _until(lambda: getattr(e.presence, "_untold"))  # noqa: B009
        assert len(one.attends(room)) == 2
        address = await one.server.start("127.0.0.1")
        await execute(database, "UPDATE room_actors SET address = $1", address)
        await execute(database, "UPDATE game_states SET epoch = epoch + 1")
        await execute(database, "UPDATE rooms SET epoch = epoch + 1")

        def told() -> dict[str, bool]:
            """Of each user, what was said last."""
            said = one.attends(room)[2:]
            return {user: user in here for here, gone, _ in said for user in here | gone}

        await one.pulse.until(lambda: told().keys() == {"ann", "bob"})
        assert told() == {"ann": False, "bob": True}
        assert again.present


async def test_a_line_that_is_being_opened_when_the_edge_stops_is_given_up(database_url: str, redis_url: str) -> None:
    """That one is lost is no reason either to have the room taken over."""
    async with connected(database_url) as database, actor(database, "a") as one:
        e = Edge(database, redis_url)
        room = await open_room(database)
        epoch = await place(database, room)
        answers: list[Answer] = []
        e.router.send(room, lambda at: GetView(at, sender("ann"), room), answers.append)
        under_way = getattr(e.router, "_single")  # noqa: B009
        while ("open", "a") not in under_way:  # noqa: ASYNC110
            await asyncio.sleep(0)
        opening = under_way["open", "a"]
        e.router.close()
        await asyncio.wait([opening, *getattr(e.router, "_searches")])  # noqa: B009
        assert opening.cancelled()
        assert answers == []
        await _until(lambda: not one.server.ends)
        assert (await stored(database, room))["epoch"] == epoch


async def test_presence_is_shown_inside_and_only_there(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        publisher = RedisPublisher(redis_url, SEALER)
        running = asyncio.create_task(publisher.run())
        room, elsewhere = await open_room(database), await open_room(database)
        epoch, there = await place(database, room), await place(database, elsewhere)
        for where, at in ((room, epoch), (elsewhere, there)):
            await one.table.does(at, "ann", RequestJoin(id="join", room=where, display_name="Ann"))
            await one.table.does(at, "ann", Spectate(id="watch", room=where))
        _, inside = await e.joins(one, "ann", room, epoch)
        _, guest = await e.joins(one, "gus", room, epoch)
        _, other = await e.joins(one, "ann", elsewhere, there)
        while not (publisher.up and e.fanout.redis_up):
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.005)
        publisher.publish_presence(b"not ours")
        publisher.publish_presence(b'{"type":"presence","room":"%b","user_id":"x","status":"away"}' % room.encode())
        await inside.pulse.until(lambda: inside.payloads)
        assert inside.payloads == [{"type": "presence", "room": room, "user_id": "x", "status": "away"}]
        assert (guest.payloads, other.payloads) == ([], [])
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_stopping_edge_tells_nobody_that_they_have_gone(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
        edge(database, redis_url, "e2") as later,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        ann, _ = await e.joins(one, "ann", room, epoch)
        await one.has(room, ({"ann"}, set(), set()))
        e.presence.stop()
        e.fanout.end(ann, room)
        e.presence.touch(room, UserId("cat"))
        await later.joins(one, "ann", room, epoch)
        await one.has(room, ({"ann"}, set(), set()), ({"ann"}, set(), set()))
        assert [request.edge for request in one.asked if isinstance(request, ReportPresence)] == ["e1", "e2"]


async def test_while_an_edge_lets_go_the_others_are_still_told(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        ann, _ = await e.joins(one, "ann", room, epoch)
        bob, _ = await e.joins(one, "bob", room, epoch)
        await one.has(room, ({"ann"}, set(), set()), ({"bob"}, set(), set()))
        e.fanout.end(ann, room, elsewhere=True)
        e.fanout.end(bob, room)
        await e.joins(one, "cat", room, epoch)
        await one.pulse.until(lambda: any("cat" in here for here, _, _ in one.attends(room)))
        gone = [user for _, gone, _ in one.attends(room) for user in gone]
        assert gone == ["bob"], "bob has gone; ann was sent to another edge"


async def _seated(database: Database, one: Actor) -> tuple[RoomId, Epoch]:
    """A room with `ann` in a seat and `eve` watching."""
    room = await open_room(database)
    epoch = await place(database, room)
    for user in ("ann", "eve"):
        await one.table.does(epoch, user, RequestJoin(id="join", room=room, display_name=user))
    await one.table.does(epoch, "ann", TakeSeat(id="sit", room=room, seat_index=0))
    await one.table.does(epoch, "eve", Spectate(id="watch", room=room))
    return room, epoch


async def test_a_beat_is_one_statement_and_waits_for_no_commit(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a") as one:
        e = Edge(database, redis_url)
        beaten, held = [await _seated(database, one) for _ in range(2)]
        for room, epoch in (beaten, held):
            for user in ("ann", "eve"):
                await e.joins(one, user, room, epoch)
        tokens = "SELECT user_id, expires_at FROM rejoin_tokens WHERE room_id = $1 AND replaced_at IS NULL"
        before = {row["user_id"]: row["expires_at"] for row in await execute(database, tokens, beaten[0])}
        assert set(before) >= {"ann", "eve"}
        ended = "UPDATE rejoin_tokens SET expires_at = 5 WHERE room_id = $1 AND user_id = 'eve'"
        await execute(database, ended, beaten[0])
        connection = await database.take()
        now = one.table.time.ms + 120_000
        async with connection.transaction():
            await connection.execute("UPDATE room_seats SET chips = 7 WHERE room_id = $1", held[0])
            async with asyncio.timeout(3):
                await e.presence.heartbeat(now)
        await database.give_back(connection)
        heard = "SELECT last_seen_at, last_heartbeat_at FROM room_seats WHERE room_id = $1"
        assert [tuple(row) for row in await execute(database, heard, beaten[0])] == [(now, now)]
        assert [row[1] < now for row in await execute(database, heard, held[0])] == [True]
        seen = "SELECT last_seen_at FROM room_spectators WHERE room_id = $1"
        assert [row[0] for row in await execute(database, seen, held[0])] == [now]
        after = {row["user_id"]: row["expires_at"] for row in await execute(database, tokens, beaten[0])}
        assert after["ann"] >= now + 300_000
        assert after["eve"] == 5, "one that has expired does not come to life"
        await e.presence.heartbeat(now + 30_000)
        again = {row["user_id"]: row["expires_at"] for row in await execute(database, tokens, beaten[0])}
        assert again == after, "written only when it is needed"
        assert [row[0] for row in await execute(database, heard, held[0])] == [now + 30_000]


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)


async def test_the_steward_asks_after_those_of_whom_nobody_hears(database_url: str) -> None:
    """The edge and the actor died together: the room is loaded elsewhere, and whoever does not appear is away."""

    async with connected(database_url) as database:
        async with actor(database, "a") as one:
            room, _ = await _seated(database, one)
            now = one.table.time.ms
        async with actor(database, "b") as other:
            other.table.time.ms = now + 100_000
            settings = Settings(_env_file=None, database_url=database_url, jwt_secret=SECRET.newest.decode())
            directory = Directory(database, NoCluster())
            steward = Steward(settings, SECRET, database, directory, NoCluster(), other.table.time)
            for late, loaded in ((-20_000, []), (0, [room])):
                other.table.time.ms = now + 100_000 + late
                await steward.ask_after_the_unheard()
                assert [loaded.id for loaded in other.host.rooms.all()] == loaded
            other.table.time.ms += 10_000
            other.host.presence.tick()
            await other.table.published.pulse.until(lambda: other.table.published.messages)
            seat = "SELECT status FROM room_seats WHERE room_id = $1"
            assert [row[0] for row in await execute(database, seat, room)] == ["away"]
            epoch = (await stored(database, room))["epoch"]
            other.table.time.ms += 600_000
            assert await database.rows("unheard", since=other.table.time.ms, most=10) == [], "their absence is known"
            assert (await stored(database, room))["epoch"] == epoch


async def test_what_has_expired_is_cleared_away(database_url: str) -> None:
    async with connected(database_url) as database:
        day, now = 86_400_000, 1_760_000_000_000
        room = await open_room(database)
        await execute(
            database,
            "INSERT INTO rejoin_tokens (hash, room_id, user_id, role, issued_at, expires_at, replaced_at) VALUES"
            " ('old', $1, 'u', 'player', 0, $2, NULL), ('kept', $1, 'u', 'player', 0, $3, NULL),"
            " ('replaced', $1, 'u', 'player', 0, $3, 5)",
            room, now - day - 1, now - 1,
        )  # fmt: skip
        await execute(
            database, "INSERT INTO connection_tokens VALUES ('old', $1, 'u', 0, $2), ('kept', $1, 'u', 0, $3)",
            room, now - 1, now + 1,
        )  # fmt: skip
        await execute(
            database, "INSERT INTO app_sessions (sid, user_id, sess, expire) VALUES ('old', 'u', '{}', $1),"
            " ('kept', 'u', '{}', $2)", now - 1, now + 1,
        )  # fmt: skip
        await execute(
            database, "INSERT INTO sign_outs VALUES ('old', $1), ('kept', $2)", now - 8 * day - 1, now - 8 * day + 1
        )
        await execute(
            database, "INSERT INTO matches (room_id, user_id, expires_at) VALUES ($1, 'old', $2), ($1, 'kept', $3)",
            room, now - 1, now + 1,
        )  # fmt: skip
        settings = Settings(_env_file=None, database_url=database_url, jwt_secret=SECRET.newest.decode())
        directory = Directory(database, NoCluster())
        await Steward(settings, SECRET, database, directory, NoCluster(), lambda: now).clear_away()
        for query in (
            *("SELECT hash FROM rejoin_tokens", "SELECT hash FROM connection_tokens"),
            *("SELECT sid FROM app_sessions", "SELECT user_id FROM sign_outs", "SELECT user_id FROM matches"),
        ):
            assert [bytes(str(row[0]), "ascii") if isinstance(row[0], str) else row[0]
                    for row in await execute(database, query)] == [b"kept"], query  # fmt: skip


# Users without a part in a room


async def _asleep(e: Edge, room: RoomId) -> None:
    await _until(lambda: room in getattr(e.presence, "_asleep"))  # noqa: B009


async def test_a_guest_rouses_nobody_and_is_announced_when_somebody_else_does(
    database_url: str, redis_url: str
) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        await e.joins(one, "gus", room, epoch)
        await one.has(room, ({"gus"}, set(), set()))
        await one.server.stop()
        await _asleep(e, room)
        assert (await stored(database, room))["epoch"] == epoch
        async with actor(database, "b") as two:
            assert await place(database, room, avoid="a") > epoch
            await two.has(room, ({"gus"}, set(), set()))


async def test_a_guest_who_sits_down_is_announced_at_once(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, edge(database, redis_url) as e:
        room = await open_room(database)
        gus, _ = follower("gus")
        await e.fanout.begin(gus, room)
        await _asleep(e, room)
        e.fanout.place(gus, room, Seq(0), Epoch(0), "outside", has_part=False)
        async with actor(database, "a") as one:
            epoch = await place(database, room)
            await one.table.does(epoch, "gus", RequestJoin(id="join", room=room, display_name="Gus"))
            await one.table.does(epoch, "gus", TakeSeat(id="sit", room=room, seat_index=0))
            for _, update in one.table.published.messages:
                e.fanout.heard(room, codec.encode(update))
            assert gus.has_part
            await one.pulse.until(lambda: one.attends(room))
            assert {user for here, gone, _ in one.attends(room) for user in here} == {"gus"}


async def test_who_had_a_part_and_has_none_any_more_rouses_nobody(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as e,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        await one.table.does(epoch, "gus", RequestJoin(id="join", room=room, display_name="Gus"))
        await one.table.does(epoch, "gus", Spectate(id="watch", room=room))
        gus, _ = await e.joins(one, "gus", room, epoch)
        await one.has(room, ({"gus"}, set(), set()))
        assert gus.has_part
        await one.table.does(epoch, "gus", StopSpectating(id="stop", room=room))
        _, update = one.table.published.messages[-1]
        e.fanout.heard(room, codec.encode(update))
        assert not gus.has_part
        await one.server.stop()
        await _asleep(e, room)
        assert (await stored(database, room))["epoch"] == epoch
