"""The host on a real Postgres, with a proxy in between that loses what it is told to lose."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from kit.hosts import (
    WITHIN_S,
    Table,
    Time,
    chat,
    connected,
    hosting,
    log_of,
    open_room,
    place,
    stored,
)
from kit.proxy import proxied
from kit.rooms import sender
from tavola.actors.host.answers import REMEMBERED
from tavola.actors.log.logged import update_of
from tavola.actors.room import clock
from tavola.actors.wire.commands import Act, Epoch, RequestJoin, RoomId, Start, TakeSeat
from tavola.actors.wire.given import GivenRecord
from tavola.actors.wire.messages import (
    Activate,
    Answer,
    Committed,
    GetView,
    Moved,
    Ok,
    Refusal,
    Request,
    Submit,
    ViewAt,
)
from tavola.load.faults.proxy import Loss
from tavola.storage.postgres import Database


def join(room: RoomId, user: str) -> RequestJoin:
    return RequestJoin(id=f"join {user}", room=room, display_name=f"Name-{user}")


def sit(room: RoomId, seat: int, id: str = "") -> TakeSeat:
    return TakeSeat(id=id or f"sit {seat}", room=room, seat_index=seat)


def code(answer: Answer) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def ids(log: list[Any]) -> list[str]:
    return [row["command_id"] for row in log]


# The path of one command


async def test_what_is_answered_is_stored_and_published(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        done = await table.does(epoch, "host", chat(room, "one"))
        assert (done.seq, table.reached) == (1, ["commit.before", "commit.after", "publish.after"])
        assert (await stored(database, room))["seq"] == 1
        assert ids(await log_of(database, room)) == ["one"]
        assert table.published.seqs(room) == [1]
        assert b"hello" in done.update


async def test_while_one_commit_is_under_way_the_next_gathers(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        rooms = [await open_room(direct) for _ in range(3)]
        epochs = [await place(direct, room) for room in rooms]
        await asyncio.gather(*(table.rouse(epoch, room) for epoch, room in zip(epochs, rooms, strict=True)))
        proxy.hold("first")
        first = table.deliver(epochs[0], "host", chat(rooms[0], "first"))
        await proxy.held.wait()
        later = [
            table.deliver(epoch, "host", chat(room, f"c{i}"))
            for i in range(10)
            for epoch, room in zip(epochs, rooms, strict=True)
        ]
        table.reached.clear()
        assert not first.done()
        proxy.release()
        await asyncio.gather(first, *later)
        assert table.reached.count("commit.before") == 1, "thirty commands, one statement"
        for room in rooms:
            log = await log_of(direct, room)
            assert [row["seq"] for row in log] == list(range(1, len(log) + 1))
            assert table.published.seqs(room) == [row["seq"] for row in log]


# Once


async def test_a_repeated_command_is_answered_as_it_was(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        first = await table.does(epoch, "host", sit(room, 0, "sit"))
        again = await table.does(epoch, "host", sit(room, 0, "sit"))
        assert (again.seq, again.give) == (first.seq, first.give)
        assert (first.seq, first.give.seat_index) == (1, 0)
        assert ids(await log_of(database, room)) == ["sit"]


async def test_the_same_id_of_another_user_is_another_command(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await table.does(epoch, "host", sit(room, 0, "x"))
        await table.does(epoch, "ann", join(room, "x"))
        assert [row["user_id"] for row in await log_of(database, room)] == ["host", "ann"]


async def test_repeated_while_the_first_is_under_way(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        proxy.hold("twice")
        first = table.deliver(epoch, "host", sit(room, 1, "twice"))
        await proxy.held.wait()
        again = table.deliver(epoch, "host", sit(room, 1, "twice"))
        assert not again.done()
        proxy.release()
        one, two = await first, await again
        assert isinstance(one, Committed)
        assert one == two
        assert ids(await log_of(direct, room)) == ["twice"]


@pytest.mark.parametrize("reloaded", [False, True], ids=["beyond memory", "by another host"])
@pytest.mark.parametrize("later", [REMEMBERED - 1, REMEMBERED + 5])
async def test_repeated_long_after(database_url: str, later: int, reloaded: bool) -> None:
    """Also a command that would be refused now: that its sender sits is why they may not sit down again."""

    async with (
        connected(database_url) as database,
        hosting(database, "a") as table,
        hosting(database, "b") as other,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        sat = await table.does(epoch, "host", sit(room, 1, "sit"))
        said = await table.does(epoch, "host", chat(room, "say"))
        await asyncio.gather(*(table.does(epoch, "host", chat(room, f"c{i}")) for i in range(later)))
        if reloaded:
            table, epoch = other, await place(database, room, avoid="a")
        assert (await table.does(epoch, "host", chat(room, "say"))).seq == said.seq
        again = await table.does(epoch, "host", sit(room, 1, "sit"))
        assert (again.seq, again.give) == (sat.seq, sat.give)
        log = await log_of(database, room)
        assert len(log) == 2 + later
        assert len(set(ids(log))) == len(log)


async def test_an_ancient_command_takes_no_other_room_with_it(database_url: str) -> None:
    """It spoils the statement that it is in; the rooms that were in it with it are written all the same, once."""

    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        rooms = [await open_room(direct) for _ in range(3)]
        epochs = {room: await place(direct, room) for room in rooms}
        old = rooms[0]
        said = await table.does(epochs[old], "host", chat(old, "ancient"))
        await asyncio.gather(
            *(table.does(epochs[old], "host", chat(old, f"c{i}")) for i in range(REMEMBERED + 1)),
            *(table.rouse(epochs[room], room) for room in rooms),
        )
        proxy.hold("first")
        first = table.deliver(epochs[rooms[1]], "host", chat(rooms[1], "first"))
        await proxy.held.wait()
        together = [
            table.deliver(epochs[old], "host", chat(old, "before")),
            table.deliver(epochs[old], "host", chat(old, "ancient")),
            table.deliver(epochs[old], "host", chat(old, "after")),
            table.deliver(epochs[rooms[1]], "host", chat(rooms[1], "one")),
            table.deliver(epochs[rooms[2]], "host", chat(rooms[2], "two")),
        ]
        proxy.release()
        await first
        before, ancient, after, one, two = await asyncio.gather(*together)
        assert table.reached.count("commit.before") > table.reached.count("commit.after"), "a commit did fail"
        assert isinstance(ancient, Committed)
        assert ancient.seq == said.seq
        seqs = [answer.seq for answer in (before, after, one, two) if isinstance(answer, Committed)]
        assert seqs == [REMEMBERED + 3, REMEMBERED + 4, 2, 1]
        assert ids(await log_of(direct, old))[-2:] == ["before", "after"]
        for room in rooms:
            log = await log_of(direct, room)
            assert len(set(ids(log))) == len(log)
            assert table.published.seqs(room) == [row["seq"] for row in log]


# Fences


async def test_a_database_that_says_nothing_keeps_nobody_waiting(database_url: str) -> None:
    """It neither answers nor hangs up. A sender who waits is told so in time, long before an edge would give the
    actor up; what they asked for is done once all the same."""

    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.rouse(epoch, room)
        proxy.hold("", times=1_000_000)
        first = table.deliver(epoch, "host", chat(room, "first"))
        await proxy.held.wait()
        later = table.deliver(epoch, "host", chat(room, "later"))
        async with asyncio.timeout(WITHIN_S):
            assert [code(answer) for answer in await asyncio.gather(first, later)] == ["storage_unavailable"] * 2
        proxy.hold("", times=0)
        proxy.release()
        again = await _until_done(table, direct, room, ["first", "later"])
        assert sorted(ids(await log_of(direct, room))) == ["first", "later"]
        assert sorted(done.seq for done in again) == [1, 2]


async def _until_done(table: Table, direct: Database, room: RoomId, wanted: list[str]) -> list[Committed]:
    """Each sent again until it is done."""
    done: list[Committed] = []
    async with asyncio.timeout(4 * WITHIN_S):
        for id in wanted:
            answer: Answer = Moved()
            while not isinstance(answer, Committed):
                row = await stored(direct, room)
                answer = await table.deliver(row["epoch"], "host", chat(room, id))
            done.append(answer)
    return done


async def test_a_refusal_waits_for_what_it_was_decided_on(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.does(epoch, "ann", join(room, "ann"))
        proxy.hold("taken first")
        sat = table.deliver(epoch, "ann", sit(room, 0, "taken first"))
        await proxy.held.wait()
        refused = table.deliver(epoch, "host", sit(room, 0, "too late"))
        await table.rouse(epoch, room)
        assert not refused.done()
        proxy.release()
        assert isinstance(await sat, Committed)
        assert code(await refused) == "seat_taken"


async def test_what_changes_nothing_waits_for_what_it_was_decided_on(database_url: str) -> None:
    """And sent again long after, what once changed something is answered as it was then."""
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        proxy.hold("asked first")
        joined = table.deliver(epoch, "ann", join(room, "asked first"))
        await proxy.held.wait()
        again = table.deliver(epoch, "ann", join(room, "asked again"))
        await table.rouse(epoch, room)
        assert not again.done()
        proxy.release()
        first, second = await joined, await again
        assert isinstance(first, Committed)
        assert second == Committed(first.seq, GivenRecord(status="approved", unchanged=True))
        for number in range(REMEMBERED + 1):
            await table.does(epoch, "host", chat(room, f"c{number}"))
        once_more = await table.does(epoch, "ann", join(room, "asked first"))
        assert (once_more.seq, once_more.give) == (first.seq, first.give)


async def test_a_refusal_is_not_given_for_what_never_happened(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
        hosting(direct, "b") as other,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room, avoid="b")
        await table.does(epoch, "ann", join(room, "ann"))
        proxy.hold("never")
        sat = table.deliver(epoch, "ann", sit(room, 0, "never"))
        await proxy.held.wait()
        refused = table.deliver(epoch, "host", sit(room, 0, "maybe"))
        newer = await place(direct, room, avoid="a")
        await other.rouse(newer, room)
        proxy.release()
        assert isinstance(await sat, Moved)
        assert isinstance(await refused, Moved)
        assert (await other.does(newer, "host", sit(room, 0, "maybe"))).give.seat_index == 0


async def test_a_refusal_falls_with_the_move_beside_it_in_the_batch(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as old, hosting(database, "b") as new:
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await old.does(epoch, "ann", join(room, "ann"))
        newer = await place(database, room, avoid="a")
        sat = old.deliver(epoch, "ann", sit(room, 0, "never"))
        refused = old.deliver(epoch, "host", sit(room, 0, "maybe"))
        assert isinstance(await sat, Moved)
        assert isinstance(await refused, Moved)
        assert (await new.does(newer, "host", sit(room, 0, "maybe"))).give.seat_index == 0


async def test_a_host_that_was_replaced_writes_and_publishes_nothing(database_url: str) -> None:
    async with (
        connected(database_url) as database,
        hosting(database, "a") as old,
        hosting(database, "b") as new,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await old.does(epoch, "host", chat(room, "one"))
        newer = await place(database, room, avoid="a")
        await new.does(newer, "host", chat(room, "two"))
        late = await asyncio.gather(
            *(old.deliver(epoch, "host", chat(room, f"late {i}")) for i in range(3)),
            old.look(epoch, "host", room),
        )
        assert all(isinstance(answer, Moved) for answer in late)
        assert old.published.seqs(room) == [1]
        assert [(row["command_id"], row["epoch"]) for row in await log_of(database, room)] == [
            ("one", epoch),
            ("two", newer),
        ]


async def test_a_placement_alone_fences_before_the_next_host_has_done_anything(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as old, hosting(database, "b"):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        await old.does(epoch, "host", chat(room, "one"))
        await place(database, room, avoid="a")
        assert isinstance(await old.deliver(epoch, "host", chat(room, "late")), Moved)
        assert ids(await log_of(database, room)) == ["one"]


async def test_a_fenced_room_takes_no_other_with_it(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
        hosting(direct, "b"),
    ):
        rooms = [await open_room(direct, "holdem") for _ in range(12)]
        epochs = {room: await place(direct, room, avoid="b") for room in rooms}
        await asyncio.gather(*(table.rouse(epochs[room], room) for room in rooms))
        proxy.hold("first")
        first = table.deliver(epochs[rooms[0]], "host", chat(rooms[0], "first"))
        await proxy.held.wait()
        together = {room: table.deliver(epochs[room], "host", sit(room, 3, "together")) for room in rooms}
        lost = rooms[5]
        await place(direct, lost, avoid="a")
        table.reached.clear()
        proxy.release()
        await first
        for room, answer in together.items():
            assert isinstance(await answer, Moved if room == lost else Committed), room
        assert table.reached.count("commit.before") == 1
        for room in rooms:
            log = await log_of(direct, room)
            assert ("together" in ids(log)) == (room != lost)
            part = await direct.row("membership", room_id=room, user_id="host")
            assert part is not None
            assert part["seat_index"] == (None if room == lost else 3), "rows of seats are fenced with the rest"
        assert table.published.seqs(lost) == []


# Commits of unknown outcome


@pytest.mark.parametrize(("loss", "happened"), [("reply", True), ("request", False)])
async def test_a_commit_whose_answer_is_lost(database_url: str, loss: Loss, happened: bool) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        rooms = [await open_room(direct) for _ in range(3)]
        epochs = {room: await place(direct, room) for room in rooms}
        await asyncio.gather(*(table.does(epochs[room], "host", chat(room, "warm")) for room in rooms))
        proxy.lose_next(loss, b"unknown")
        answers = await asyncio.gather(*(table.does(epochs[room], "host", sit(room, 0, "unknown")) for room in rooms))
        assert (proxy.lost_replies, proxy.lost_requests) == ((1, 0) if happened else (0, 1))
        assert [(answer.seq, answer.give.seat_index) for answer in answers] == [(2, 0)] * 3
        assert len({answer.give.grant for answer in answers}) == 3
        for room in rooms:
            log = await log_of(direct, room)
            assert ids(log) == ["warm", "unknown"]
            row = await stored(direct, room)
            assert (row["epoch"] > epochs[room], row["seq"]) == (True, 2), "the epoch was raised to find out"
            assert [row["epoch"] for row in log] == [epochs[room], epochs[room] if happened else row["epoch"]]
            assert table.published.seqs(room) == [1, 2]
            again = await table.does(epochs[room], "host", sit(room, 0, "unknown"))
            assert again.seq == 2
            assert (await table.does(epochs[room], "host", chat(room, "on"))).seq == 3


@pytest.mark.parametrize("loss", ["reply", "request"])
async def test_what_was_decided_meanwhile_is_published_at_the_epoch_at_which_it_is_committed(
    database_url: str, loss: Loss
) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.does(epoch, "host", chat(room, "warm"))
        proxy.lose_next(loss, b"unknown")
        table.reached.clear()
        unknown = table.deliver(epoch, "host", chat(room, "unknown"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert table.reached == ["commit.before"], "the first is on its way"
        later = table.deliver(epoch, "host", chat(room, "decided meanwhile"))
        await asyncio.gather(unknown, later)
        log = [(row["seq"], row["epoch"]) for row in await log_of(direct, room)]
        assert (log[-1][0], log[-1][1] > epoch) == (3, True), "the second came after the epoch was raised"
        published = [update for _, update in table.published.messages]
        assert [(update.seq, update.epoch) for update in published] == log
        assert [update.follows for update in published] == [0, *(committed_at for _, committed_at in log[:-1])]


@pytest.mark.parametrize("loss", ["reply", "request"])
async def test_the_answer_is_lost_and_the_room_is_taken_over_before_it_is_asked_for(
    database_url: str, loss: Loss
) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
        hosting(direct, "b") as other,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room, avoid="b")
        await table.does(epoch, "host", chat(room, "warm"))
        proxy.lose_next(loss, b"unknown")
        answer = table.deliver(epoch, "host", sit(room, 0, "unknown"))
        proxy.go_away_after_fault = True
        await proxy.pulse.until(lambda: proxy.lost_replies + proxy.lost_requests)
        newer = await place(direct, room, avoid="a")
        again = await other.does(newer, "host", sit(room, 0, "unknown"))
        assert again.seq == 2
        proxy.come_back()
        assert isinstance(await answer, Moved)
        assert table.published.seqs(room) == [1]
        assert ids(await log_of(direct, room)) == ["warm", "unknown"]


# Postgres away


def hold(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """How long requests are held while storage is away."""
    for module in ("host", "rooms", "commit_writer"):
        monkeypatch.setattr(f"tavola.actors.host.{module}.HELD_S", seconds)


async def test_commands_are_held_while_postgres_is_away_and_done_once(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        rooms = [await open_room(direct) for _ in range(3)]
        epochs = {room: await place(direct, room) for room in rooms}
        warm = rooms[:2]
        await asyncio.gather(*(table.does(epochs[room], "host", chat(room, "warm")) for room in warm))
        proxy.go_away()
        held = [table.deliver(epochs[room], "host", chat(room, f"held {i}")) for i in range(3) for room in rooms]
        await proxy.pulse.until(lambda: proxy.refused >= 4)
        assert not any(answer.done() for answer in held)
        assert table.published.seqs(rooms[0]) == [1]
        proxy.come_back()
        answers = await asyncio.gather(*held)
        assert all(isinstance(answer, Committed) for answer in answers)
        for room in rooms:
            before = ["warm"] if room in warm else []
            assert ids(await log_of(direct, room)) == [*before, "held 0", "held 1", "held 2"]


async def test_commands_held_for_too_long_are_refused_and_nothing_of_them_is_done(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 0.3)

    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        rooms = [await open_room(direct) for _ in range(2)]
        epochs = [await place(direct, room) for room in rooms]
        await table.does(epochs[0], "host", chat(rooms[0], "warm"))
        proxy.go_away()
        refused = await asyncio.gather(
            table.deliver(epochs[0], "host", chat(rooms[0], "held")),
            table.deliver(epochs[1], "host", chat(rooms[1], "held")),
            table.look(epochs[1], "host", rooms[1]),
        )
        assert proxy.refused > 1
        for answer in refused:
            assert code(answer) == "storage_unavailable"
            assert isinstance(answer, Refusal)
            assert answer.retry_after_ms
        proxy.come_back()
        for room, epoch, before in zip(rooms, epochs, (["warm"], []), strict=True):
            async with asyncio.timeout(WITHIN_S):  # The host may look for the database later than it is back.
                while not isinstance(answer := await table.deliver(epoch, "host", chat(room, "held")), Committed):
                    assert code(answer) == "storage_unavailable"
            assert ids(await log_of(direct, room)) == [*before, "held"]


@pytest.mark.parametrize(("loss", "happened"), [("reply", True), ("request", False)])
async def test_an_outcome_that_stays_unknown_is_refused_and_told_when_asked_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch, loss: Loss, happened: bool
) -> None:
    hold(monkeypatch, 0.3)

    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.does(epoch, "host", chat(room, "warm"))
        proxy.lose_next(loss, b"doubtful")
        proxy.go_away_after_fault = True
        assert code(await table.deliver(epoch, "host", sit(room, 0, "doubtful"))) == "storage_unavailable"
        assert proxy.lost_replies + proxy.lost_requests == 1
        assert ids(await log_of(direct, room)) == ["warm", *(["doubtful"] if happened else [])]
        assert table.published.seqs(room) == [1]
        proxy.come_back()
        async with asyncio.timeout(WITHIN_S):  # As above.
            while not isinstance(again := await table.deliver(epoch, "host", sit(room, 0, "doubtful")), Committed):
                assert code(again) == "storage_unavailable"
        assert (again.seq, again.give.seat_index) == (2, 0)
        assert ids(await log_of(direct, room)) == ["warm", "doubtful"]
        assert (await stored(direct, room))["epoch"] > epoch


# Clocks


async def test_a_turn_that_runs_out_does_so_once_whoever_rings(database_url: str) -> None:
    """Two hosts believe that the room is theirs, and for both the alarm has passed."""

    time = Time()
    async with (
        connected(database_url) as database,
        hosting(database, "a", time) as old,
        hosting(database, "b", time) as new,
    ):
        room = await open_room(database, auto_start=False)
        epoch = await place(database, room, avoid="b")
        await old.does(epoch, "host", sit(room, 0))
        await old.does(epoch, "ann", join(room, "ann"))
        await old.does(epoch, "ann", sit(room, 1))
        await begun(old, epoch, room)
        newer = await place(database, room, avoid="a")
        await new.rouse(newer, room)
        turn = (await new.view(newer, "host", room))["turn"]
        time.ms = turn["deadline_ms"] + 1
        await asyncio.gather(old.rouse(epoch, room), new.rouse(newer, room))
        await new.published.pulse.until(
            lambda: new.published.messages and b"player_action" in new.published.messages[-1][1].events
        )
        assert isinstance(await old.deliver(epoch, "host", chat(room, "am I there?")), Moved)
        moves = [row for row in await log_of(database, room) if b"player_action" in update_of(room, row).events]
        assert len(moves) == 1
        assert b'"automatic":true' in update_of(room, moves[0]).events
        assert moves[0]["epoch"] == newer


async def test_after_a_crash_players_have_the_time_that_was_left(database_url: str) -> None:
    time = Time()
    async with (
        connected(database_url) as database,
        hosting(database, "a", time) as crashed,
        hosting(database, "b", time) as next,
    ):
        room = await open_room(database, auto_start=False)
        epoch = await place(database, room, avoid="b")
        await crashed.does(epoch, "host", sit(room, 0))
        await crashed.does(epoch, "ann", join(room, "ann"))
        await crashed.does(epoch, "ann", sit(room, 1))
        await begun(crashed, epoch, room)
        before = (await crashed.view(epoch, "host", room))["turn"]
        time.ms += 3_600_000
        newer = await place(database, room, avoid="a")
        await next.rouse(newer, room)
        await next.published.pulse.until(lambda: next.published.messages)
        after = (await next.view(newer, "host", room))["turn"]
        assert (after["number"], after["seat_index"]) == (before["number"], before["seat_index"])
        assert after["deadline_ms"] == time.ms + 20_000
        assert (await log_of(database, room))[-1]["user_id"] == ""
        act = Act(id="mark", room=room, move="mark", arguments={"cell": 4}, turn=before["number"])
        await next.does(newer, "host", act)


class Restless(Time):
    """A millisecond goes by between any two looks at the clock."""

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


async def test_an_alarm_rings_though_its_millisecond_comes_between_two_looks_at_the_clock(database_url: str) -> None:
    time = Restless()
    async with connected(database_url) as database, hosting(database, "a", time) as table:
        room = await open_room(database, rematch_seconds=0)
        epoch = await place(database, room)
        await table.does(epoch, "host", sit(room, 0))
        await table.does(epoch, "ann", join(room, "ann"))
        await table.does(epoch, "ann", sit(room, 1))
        loaded = table.host.rooms.get(room, epoch)
        assert loaded is not None

        async def rings(before_ms: int) -> None:
            seq, due = loaded.seq, clock.alarm(loaded.room)
            assert due is not None
            loaded.stop_timer()
            time.ms = due - before_ms
            await table.rouse(epoch, room)
            await table.published.pulse.until(lambda: loaded.seq > seq)

        for before_ms in range(1, 12):  # In one of these the alarm looks at the clock just before it is due.
            await rings(before_ms)


async def test_the_stored_alarm_is_never_later_than_the_real_one(database_url: str) -> None:
    time = Time()
    async with connected(database_url) as database, hosting(database, "a", time) as table:
        room = await open_room(database, rematch_seconds=0)
        epoch = await place(database, room)
        await table.does(epoch, "host", sit(room, 0))
        await table.does(epoch, "ann", join(room, "ann"))
        assert (await stored(database, room))["alarm_at"] is None
        await table.does(epoch, "ann", sit(room, 1))
        for cell, user in enumerate(("host", "ann") * 3 + ("host",)):
            time.ms += 1000
            await table.does(epoch, user, Act(id=f"m{cell}", room=room, move="mark", arguments={"cell": cell}))
            row = await stored(database, room)
            loaded = table.host.rooms.get(room, epoch)
            assert loaded is not None
            real = clock.alarm(loaded.room)
            assert real is not None
            assert row["alarm_at"] is not None
            assert row["alarm_at"] <= real


async def begun(table: Any, epoch: int, room: RoomId) -> None:
    await table.does(epoch, "host", Start(id="start", room=room))


# Views


async def test_a_view_is_verified_and_the_database_wins(database_url: str) -> None:
    """The row was set back behind our back, as by a restored backup: memory is dropped and the room loaded again."""

    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await table.does(epoch, "host", chat(room, "one"))
        kept = await stored(database, room)
        await table.does(epoch, "host", sit(room, 0))
        assert "0" in (await table.view(epoch, "host", room))["seats"]
        await execute(
            database_url, "UPDATE game_states SET seq = 1, state = $2 WHERE room_id = $1", room, kept["state"]
        )
        await execute(database_url, "DELETE FROM actions WHERE room_id = $1 AND seq > 1", room)
        await execute(database_url, "DELETE FROM room_seats WHERE room_id = $1", room)
        view = await table.view(epoch, "host", room)
        assert (view["seq"], view["me"]["role"]) == (1, "approved")


async def test_a_view_of_a_room_that_moved_on_elsewhere_is_not_given(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as old, hosting(database, "b") as new:
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        assert isinstance(await old.look(epoch, "host", room), ViewAt)
        newer = await place(database, room, avoid="a")
        await new.does(newer, "host", chat(room, "one"))
        assert isinstance(await old.look(epoch, "host", room), Moved)
        assert (await new.view(newer, "host", room))["seq"] == 1


async def test_without_postgres_a_view_is_stale(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        assert (await table.view(epoch, "host", room))["stale"] is False
        proxy.go_away()
        view = await table.view(epoch, "host", room)
        assert proxy.refused
        assert view["stale"] is True
        proxy.come_back()
        assert (await table.view(epoch, "host", room))["stale"] is False


async def test_a_view_is_what_is_committed_not_what_is_decided(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        proxy.hold("secret")
        said = table.deliver(epoch, "host", chat(room, "said", "secret"))
        await proxy.held.wait()
        view = await table.view(epoch, "host", room)
        assert (view["seq"], view["recent"]) == (0, [])
        proxy.release()
        await said
        assert (await table.view(epoch, "host", room))["seq"] == 1


# Rooms that cannot be read


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rooms SET game = 'whist' WHERE id = $1",
        "UPDATE actions SET private = '{\"ann\": 7}' WHERE room_id = $1",
        "UPDATE actions SET answer = '7' WHERE room_id = $1",
        "UPDATE log SET body = substring(body FOR 40) WHERE room_id = $1",
        "UPDATE log SET body = '\\x005b5d' WHERE room_id = $1",
        "UPDATE log SET body = '\\x02' WHERE room_id = $1",
    ],
)
async def test_a_room_that_cannot_be_read_is_left_as_it_is(database_url: str, damage: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a, hosting(database, "b") as b:
        rooms = [await open_room(database) for _ in range(2)]
        epochs = [await place(database, room, avoid="b") for room in rooms]
        for room, epoch in zip(rooms, epochs, strict=True):
            await a.does(epoch, "host", sit(room, 0))
            await a.does(epoch, "ann", join(room, "ann"))
            await a.does(epoch, "ann", sit(room, 1))
        broken, sound = rooms
        whole = await everything(database_url, broken)
        await execute(database_url, damage, broken)
        assert await everything(database_url, broken) != whole
        asked: list[Request] = [
            _deliver(Epoch(0), broken),
            GetView(Epoch(0), sender("host"), broken),
            Activate(Epoch(0), broken),
        ]
        for request in asked:
            await execute(database_url, "DELETE FROM unreadable_rooms")
            await execute(database_url, "UPDATE room_actors SET alive_at = now()")  # Both live, however slow all is.
            epoch = await place(database, broken, avoid="a")
            before = await everything(database_url, broken)
            answer = await b.ask(replace(request, epoch=epoch))
            assert code(answer) == "corrupted_state"
            assert isinstance(answer, Refusal)
            assert answer.details is not None
            assert answer.details["room"] == broken
            assert set(answer.details) == {"room", "version", "found"}
            assert (await stored(database, broken))["actor"] is None, "its actor lets go of it"
            await execute(database_url, "UPDATE rooms SET actor = 'b' WHERE id = $1", broken)
            assert await everything(database_url, broken) == before
        assert isinstance(await b.rouse(await place(database, sound, avoid="a"), sound), Ok)


async def test_a_state_that_no_game_ever_had_is_corrupted(database_url: str) -> None:
    """It is JSON of the right shape, and not one hand of poker."""

    async with connected(database_url) as database, hosting(database, "a") as a, hosting(database, "b") as b:
        room = await open_room(database, "holdem", auto_start=False)
        epoch = await place(database, room, avoid="b")
        await a.does(epoch, "ann", join(room, "ann"))
        await a.does(epoch, "host", sit(room, 0))
        await a.does(epoch, "ann", sit(room, 1))
        await begun(a, epoch, room)
        state = msgspec.json.decode((await stored(database, room))["state"])
        hand = state["game"][2]
        assert isinstance(hand[8], str), "the moves of the hand"
        hand[8] = "fffffffff"
        damaged = msgspec.json.encode(state).decode()
        await execute(database_url, "UPDATE game_states SET state = $2 WHERE room_id = $1", room, damaged)
        newer = await place(database, room, avoid="a")
        assert code(await b.look(newer, "host", room)) == "corrupted_state"
        assert (await stored(database, room))["state"] == damaged


def _deliver(epoch: int, room: RoomId) -> Any:
    return Submit(Epoch(epoch), sender("host"), chat(room, "hello"))


async def test_there_is_no_such_room(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        look = await table.look(1, "host", RoomId("r_none"))
        assert isinstance(look, Moved), "whether there is one, or was, the directory says"


async def test_a_move_nested_without_end_does_not_end_the_host(database_url: str) -> None:
    """Every move that the wire lets through can be written."""

    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        for depth in range(100, 1100, 25):
            nested: Any = 1
            for _ in range(depth):
                nested = [nested]
            command = Act(id=f"deep {depth}", room=room, move="mark", arguments={"cell": nested})
            await table.deliver(epoch, "host", command)
        await table.does(epoch, "host", chat(room, "on"))


async def execute(url: str, statement: str, *arguments: Any) -> str:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        status: str = await connection.execute(statement, *arguments)
        return status
    finally:
        await connection.close()


async def everything(url: str, room: RoomId) -> list[Any]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        found = []
        columns = {"rooms": "id", "game_states": "room_id", "log": "room_id", "room_seats": "room_id"}
        for table, column in columns.items():
            found.append(
                await connection.fetch(f"SELECT t.*::text FROM {table} t WHERE {column} = $1 ORDER BY 1", room)
            )
        return found
    finally:
        await connection.close()


async def test_alarms_follow_a_clock_that_is_set(database_url: str) -> None:
    """A turn is over by the clock; the timer of its alarm, which knows of no clock, would ring much later."""
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database, turn_seconds=300)
        epoch = await place(database, room)
        for user, seat in (("host", 0), ("ann", 1)):
            await table.does(epoch, user, RequestJoin(id="join", room=room, display_name=user))
            await table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
        await table.does(epoch, "host", Start(id="start", room=room))
        table.time.ms += 301_000
        await table.published.pulse.until(
            lambda: any(b'"automatic":true' in update.events for _, update in table.published.messages)
        )
