"""Following rooms, on a real Postgres and Redis: every number once, in order, whatever is lost or comes twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest

from kit.followers import Sink, follower
from kit.hosts import OPENER, SEALER, Table, chat, connected, hosting, open_room, place
from kit.merge import merge
from kit.people import presence
from kit.proxy import proxied
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import Epoch, Kick, LeaveSeat, RequestJoin, RoomId, Seq, TakeSeat
from tavola.actors.wire.messages import ViewAt
from tavola.edge.ws import fanout as fanouts
from tavola.edge.ws.fanout import OVERTAKEN_S, POLL_S, Fanout, RoomFollower
from tavola.storage.postgres import Database
from tavola.storage.redis import RedisPublisher


@asynccontextmanager
async def following(database: Database, redis_url: str) -> AsyncIterator[Fanout]:
    fanout = Fanout(database, redis_url, OPENER, presence(database, redis_url))
    running = asyncio.create_task(fanout.run())
    try:
        yield fanout
    finally:
        assert not running.done(), "it goes on whatever happens"
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


class Room:
    """A room with a host that publishes nowhere: what is heard of it is the test's choice."""

    def __init__(self, table: Table, room: RoomId, epoch: int, fanout: Fanout) -> None:
        self.table, self.id, self.epoch, self.fanout = table, room, epoch, fanout

    async def goes_on(self, count: int) -> None:
        """That many updates, heard by nobody."""
        for _ in range(count):
            await self.table.does(self.epoch, "host", chat(self.id, f"say {len(self.table.published.messages)}"))

    def message(self, seq: int) -> bytes:
        [update] = [update for _, update in self.table.published.messages if update.seq == seq]
        return codec.encode(update)

    def hears(self, *seqs: int) -> None:
        for seq in seqs:
            self.fanout.heard(self.id, self.message(seq))

    async def joins(self, user: str) -> tuple[RoomFollower, Sink]:
        """As a socket does: subscribed first, then the view."""
        one, sink = follower(user)
        await self.fanout.begin(one, self.id)
        seen = await self.table.look(self.epoch, user, self.id)
        assert isinstance(seen, ViewAt)
        sink.payloads.append({"seq": seen.seq, "epoch": seen.epoch, "view": msgspec.json.decode(seen.view)})
        self.fanout.place(one, self.id, seen.seq, seen.epoch, seen.audience, has_part=seen.has_part)
        return one, sink


@asynccontextmanager
async def a_room(database_url: str, redis_url: str) -> AsyncIterator[Room]:
    async with (
        connected(database_url, most=6) as database,
        hosting(database, "a") as table,
        following(database, redis_url) as fanout,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        await table.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        yield Room(table, room, epoch, fanout)


def held(sink: Sink) -> dict[str, Any]:
    """The view after all patches."""
    view: dict[str, Any] = sink.payloads[0]["view"]
    for payload in sink.payloads[1:]:
        view = merge(view, payload.get("patch", {}))
    return {key: value for key, value in view.items() if key not in ("seq", "epoch", "at", "stale", "recent")}


def test_a_lost_message_costs_less_than_300_ms() -> None:
    assert POLL_S + OVERTAKEN_S < 0.3


async def test_duplicates_old_ones_and_ones_out_of_order(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(8)
        chance = random.Random(3)
        seqs = [*range(1, 10), *range(1, 10)]
        chance.shuffle(seqs)
        room.hears(*seqs)
        assert sink.seqs == list(range(1, 10)), "at once: no log was read"
        room.hears(*seqs)
        assert sink.seqs == list(range(1, 10))


@pytest.mark.parametrize("message", [b"", b"\xc1", b"\x90", b"\x92\xa1r\x09", b"\x98" + b"\xc0" * 8, b"x" * 1000])
async def test_what_is_no_update_is_ignored(database_url: str, redis_url: str, message: bytes) -> None:
    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        room.fanout.heard(room.id, message)
        room.fanout.heard("r_unknown", message)
        await room.goes_on(1)
        room.hears(2)
        assert sink.seqs == [1, 2]


async def test_an_update_of_another_room_is_ignored(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(1)
        other = msgspec.structs.replace(codec.decode(room.message(2)), room=RoomId("r_other"))
        room.fanout.heard(room.id, codec.encode(other))
        assert sink.seqs == [1]


async def test_a_hole_is_read_from_the_log(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next message shows that one is missing: not even the poll is waited for."""
    monkeypatch.setattr(fanouts, "POLL_S", 3600.0)

    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(4)
        room.hears(2, 4)
        assert sink.seqs == [1, 2]
        await sink.has(5)
        assert sink.seqs == [1, 2, 3, 4, 5], "the repair reads the log to its end"


async def test_a_message_that_is_merely_late_is_not_read_from_the_log(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(2)
        room.hears(3)
        assert sink.seqs == [1]
        room.hears(2)
        assert sink.seqs == [1, 2, 3]


async def test_the_last_message_is_lost(database_url: str, redis_url: str) -> None:
    """Nothing shows it but the poll."""

    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(1)
        await sink.has(2)
        assert sink.seqs == [1, 2]


async def test_a_long_gap_is_read_page_by_page(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanouts, "PAGE", 3)

    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(20)
        await sink.has(21)
        assert sink.seqs == list(range(1, 22))


async def test_redis_carries_updates_to_every_edge(database_url: str, redis_url: str) -> None:
    async with (
        a_room(database_url, redis_url) as room,
        connected(database_url) as database,
        following(database, redis_url) as other,
    ):
        publisher = RedisPublisher(redis_url, SEALER)
        publishing = asyncio.create_task(publisher.run())
        _, here = await room.joins("host")
        elsewhere = Room(room.table, room.id, room.epoch, other)
        _, there = await elsewhere.joins("nobody")
        async with asyncio.timeout(20):
            while not (publisher.up and other.redis_up and room.fanout.redis_up):
                await asyncio.wait([publishing], timeout=0.01)
        await room.goes_on(3)
        for seq in (2, 3, 4):
            publisher.publish(room.id, room.epoch, seq, room.message(seq))
        await asyncio.gather(here.has(4), there.has(4))
        assert here.seqs == there.seqs == [1, 2, 3, 4]
        assert publisher.dropped == 0
        assert all(payload["events"] == [] for payload in there.payloads[1:]), "outside nothing is heard"
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing


async def test_without_redis_the_log_is_polled(database_url: str, redis_url: str) -> None:
    async with proxied(redis_url) as proxy:
        proxy.go_away()
        async with a_room(database_url, proxy.url) as room:
            _, sink = await room.joins("host")
            await proxy.pulse.until(lambda: proxy.refused)
            assert not room.fanout.redis_up
            for count in (1, 5, 3):
                before = sink.seqs[-1]
                await room.goes_on(count)
                await sink.has(before + count)
            assert sink.seqs == list(range(1, 11))
            assert not room.fanout.redis_up


async def test_without_postgres_what_is_heard_goes_on(database_url: str, redis_url: str) -> None:
    async with (
        a_room(database_url, redis_url) as room,
        proxied(database_url) as proxy,
        connected(proxy.url) as away,
        following(away, redis_url) as fanout,
    ):
        there = Room(room.table, room.id, room.epoch, fanout)
        _, sink = await there.joins("host")
        await room.goes_on(4)
        proxy.go_away()
        there.hears(2, 4)
        before = proxy.refused
        await proxy.pulse.until(lambda: proxy.refused > before)
        assert sink.seqs == [1, 2]
        there.hears(3)
        assert sink.seqs == [1, 2, 3, 4]
        proxy.come_back()
        await sink.has(5)
        assert sink.seqs == [1, 2, 3, 4, 5]


async def test_followers_may_come_while_updates_stream(database_url: str, redis_url: str) -> None:
    """Whenever they join, and whatever of it is lost, late or doubled: from their view on, each number once."""

    chance = random.Random(5)
    async with a_room(database_url, redis_url) as room:
        over = False

        async def stream() -> None:
            nonlocal over
            for _ in range(60):
                await room.goes_on(1)
                last = room.table.published.messages[-1][1].seq
                for seq in chance.choice(([last], [last], [], [last, last - 1], [last - 1, last])):
                    room.hears(seq)
            over = True

        streaming = asyncio.create_task(stream())
        followers: list[tuple[RoomFollower, Sink]] = []
        while not over:
            followers.append(await room.joins(chance.choice(("host", "nobody", "ann"))))
            if len(followers) > 4 and chance.random() < 0.3:
                gone, sink = followers.pop(chance.randrange(len(followers)))
                room.fanout.end(gone, room.id)
                assert sink.seqs == list(range(sink.seqs[0], sink.seqs[-1] + 1))
        await streaming
        assert len(followers) > 5
        assert len({sink.seqs[0] for _, sink in followers}) > 3, "they joined at different numbers"
        for one, sink in followers:
            await sink.has(61)
            assert sink.seqs == list(range(sink.seqs[0], 62)), one.user
        for one, _ in followers:
            room.fanout.end(one, room.id)
        assert room.fanout.rooms() == []


@pytest.mark.parametrize("heard", [True, False])
async def test_a_follower_ahead_of_the_others_and_one_behind(database_url: str, redis_url: str, heard: bool) -> None:
    async with a_room(database_url, redis_url) as room:
        _, first = await room.joins("host")
        await room.goes_on(5)
        _, ahead = await room.joins("host")
        assert (first.seqs, ahead.seqs) == ([1], [6]), "its view is newer than what the others have been sent"
        behind, late = follower("host")
        await room.fanout.begin(behind, room.id)
        late.payloads.append({"seq": 2})
        if heard:
            room.hears(2, 3, 4, 5, 6)
        room.fanout.place(behind, room.id, Seq(2), Epoch(room.epoch), "inside", has_part=True)
        await asyncio.gather(first.has(6), late.has(6))
        await room.goes_on(1)
        room.hears(7)
        await asyncio.gather(first.has(7), late.has(7), ahead.has(7))
        assert first.seqs == [1, 2, 3, 4, 5, 6, 7]
        assert ahead.seqs == [6, 7]
        assert late.seqs == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("stands", "lost", "ahead"), [(3, False, False), (3, True, False), (2, False, True)])
async def test_views_of_two_histories_meet_at_one_number(
    database_url: str, redis_url: str, stands: int, lost: bool, ahead: bool
) -> None:
    """The log says which of them is gone (`lost`: what all the others hold); those are given whole views, and nobody
    else is."""
    async with a_room(database_url, redis_url) as room:
        true, gone = Epoch(room.epoch), Epoch(room.epoch + 1)
        first, shown = follower("host")
        await room.fanout.begin(first, room.id)
        await room.goes_on(2)
        room.fanout.place(first, room.id, Seq(stands), gone if lost else true, "inside", has_part=True)
        other, late = follower("host")
        await room.fanout.begin(other, room.id)
        room.fanout.place(other, room.id, Seq(3), true if lost else gone, "inside", has_part=True)
        await late.pulse.until(lambda: late.started_over)
        assert late.started_over == [room.id]
        assert shown.started_over == ([room.id] if lost else [])
        assert room.fanout.lost == lost
        assert late.payloads == [], "nothing is shown on top of what is gone"
        if ahead:
            await shown.has(3)


async def test_who_is_behind_in_a_history_that_is_gone_is_not_brought_up(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        _, sink = await room.joins("host")
        await room.goes_on(2)
        room.hears(2, 3)
        behind, late = follower("host")
        await room.fanout.begin(behind, room.id)
        room.fanout.place(behind, room.id, Seq(2), Epoch(room.epoch + 1), "inside", has_part=True)
        await late.pulse.until(lambda: late.started_over)
        assert (late.payloads, sink.seqs, sink.started_over) == ([], [1, 2, 3], [])


async def test_who_changes_his_place_is_shown_it_on_all_his_sockets(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        sinks = [(await room.joins("ann"))[1] for _ in range(2)]
        _, other = await room.joins("nobody")
        assert "game" not in held(sinks[0])
        for command in (
            RequestJoin(id="join", room=room.id, display_name="Name-ann"),
            TakeSeat(id="sit", room=room.id, seat_index=1),
            LeaveSeat(id="stand", room=room.id),
        ):
            done = await room.table.does(room.epoch, "ann", command)
            room.hears(done.seq)
            view = await room.table.view(room.epoch, "ann", room.id)
            fresh = {key: value for key, value in view.items() if key not in ("seq", "epoch", "at", "stale", "recent")}
            for sink in sinks:
                assert held(sink) == fresh
        assert held(sinks[0])["me"]["role"] == "spectator"
        assert "seats" not in held(other)
        assert sinks[0].seqs == sinks[1].seqs == other.seqs == [1, 2, 3, 4]


async def test_who_has_gone_hears_nothing_more(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        stays, sink = await room.joins("host")
        goes, gone = await room.joins("host")
        waits, never = follower("host")
        await room.fanout.begin(waits, room.id)
        room.fanout.end(goes, room.id)
        room.fanout.end(waits, room.id)
        room.fanout.place(waits, room.id, Seq(1), Epoch(room.epoch), "inside", has_part=True)
        await room.goes_on(1)
        room.hears(2)
        assert (sink.seqs, gone.seqs, never.payloads) == ([1, 2], [1], [])
        room.fanout.end(stays, room.id)
        room.hears(2)
        assert room.fanout.rooms() == []


# Grants, and users who are put out


async def test_what_is_given_comes_with_the_update_however_it_comes(database_url: str, redis_url: str) -> None:
    async with a_room(database_url, redis_url) as room:
        _, live = await room.joins("ann")
        _, other = await room.joins("bob")
        ask = RequestJoin(id="join", room=room.id, display_name="Ann")
        done = await room.table.does(room.epoch, "ann", ask)
        room.hears(done.seq)
        given = f"for {done.give.grant}"
        assert live.payloads[-1]["rejoin_token"] == given
        assert live.payloads[-1]["seq"] == done.seq
        assert "rejoin_token" not in other.payloads[-1], "their own alone"
        assert other.payloads[-1]["seq"] == done.seq
        sat = await room.table.does(room.epoch, "ann", TakeSeat(id="sit", room=room.id, seat_index=1))
        await live.has(sat.seq)
        assert live.payloads[-1]["rejoin_token"] == f"for {sat.give.grant}", "read from the log"


@pytest.mark.parametrize("heard", [True, False], ids=["told", "read from the log"])
async def test_who_is_put_out_is_told_so_last(database_url: str, redis_url: str, heard: bool) -> None:
    async with a_room(database_url, redis_url) as room:
        await room.table.does(room.epoch, "ann", RequestJoin(id="join", room=room.id, display_name="Ann"))
        await room.table.does(room.epoch, "ann", TakeSeat(id="sit", room=room.id, seat_index=1))
        sinks = [(await room.joins(user))[1] for user in ("ann", "ann", "host", "bob")]
        done = await room.table.does(room.epoch, "host", Kick(id="kick", room=room.id, user_id="ann"))
        if heard:
            room.hears(done.seq)
        for sink in sinks:
            await sink.has(done.seq)
        assert [sink.out for sink in sinks] == [True, True, False, False]
        assert next(event["kind"] for event in sinks[0].payloads[-1]["events"]) == "player_kicked"
        assert "seats" not in held(sinks[0]), "they are outside now"
        assert "seats" in held(sinks[2])
