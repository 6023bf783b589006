"""The plan of faults, whether they hurt, and the wire that can be made bad."""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tavola.load.evidence.evidence import Text
from tavola.load.faults.effects import LogEvent, counts, did_nothing, events, judge
from tavola.load.faults.injector import Injected, TooShort, parse, plan
from tavola.load.faults.kinds import KINDS
from tavola.load.faults.proxy import Proxy
from tavola.load.run.prove import QUIET_S

LOG = b"""\
2026-11-22T20:00:01.000000Z [info     ] room.loaded                    epoch=2 room=r_1 seq=10
2026-11-22T20:00:02.000000Z [warning  ] commit.unknown                 reason='ConnectionLost 08003' rooms=1
2026-11-22T20:00:02.500000Z [info     ] commit.resolved                epoch=3 happened=True room=r_1 seq=11
Traceback, and other lines that are no events
2026-11-22T20:00:03.000000Z [info     ] commit.resolved                epoch=4 happened=False room=r_1 seq=11
2026-11-22T20:00:04.000000Z [warning  ] redis.lost                     link=commands
2026-11-22 20:00:04,000 WARNING asyncio something else
"""
T0 = 1795377600.0  # 2026-11-22T20:00:00Z


def test_faults_are_asked_for_by_kind_and_share() -> None:
    assert parse("actor-kill, net-delay=3") == {"actor-kill": KINDS["actor-kill"][1], "net-delay": 3.0}
    assert parse("all").keys() == KINDS.keys()
    assert parse("") == {}


@pytest.mark.parametrize("text", ["earthquake", "net-delay=0", "net-delay=x", "all,net-delay"])
def test_what_is_no_fault(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


def test_the_same_seed_makes_the_same_plan() -> None:
    shares = parse("all")
    assert plan(shares, 60, 100, 7) == plan(shares, 60, 100, 7)
    assert plan(shares, 60, 100, 7) != plan(shares, 60, 100, 8)
    assert plan({}, 60, 100, 7) == []


def test_every_kind_comes_and_the_rate_is_kept() -> None:
    planned = plan(parse("all"), 600, 200, 1)
    assert Counter(kind for _, kind in planned).keys() == KINDS.keys()
    assert 1700 < len(planned) < 2300
    assert [at for at, _ in planned] == sorted(at for at, _ in planned)
    assert all(0 < at < 200 for at, _ in planned)
    assert len(plan(parse("all"), 600, float("inf"), 1, count=40)) == 40


@pytest.mark.parametrize(("seconds", "count"), [(1, None), (100, 1)])
def test_a_plan_without_room_for_every_kind_is_refused(seconds: float, count: int | None) -> None:
    with pytest.raises(TooShort, match="too short for 2 kinds"):
        plan(parse("actor-kill,edge-kill"), 60 if count else 1.0, seconds, 0, count)


@pytest.mark.parametrize("name", ["soak", "proof"])
def test_a_scenario_brings_every_kind_that_it_asks_for(name: str) -> None:
    scenario = tomllib.loads((Path("load/scenarios") / f"{name}.toml").read_text())
    asked = parse(scenario["faults"])
    seconds = scenario.get("seconds", float("inf"))
    planned = plan(asked, scenario["fault_rate"], seconds - QUIET_S, scenario["seed"], scenario.get("fault_count"))
    assert {kind for _, kind in planned} == asked.keys() == KINDS.keys()


def test_servers_logs_are_read() -> None:
    found = events([Text("edge-1.log", LOG)])
    assert [event.name for event in found] == [
        "room.loaded",
        "commit.unknown",
        "commit.resolved",
        "commit.resolved",
        "redis.lost",
    ]
    assert found[0] == LogEvent(T0 + 1, "room.loaded", {"epoch": "2", "room": "r_1", "seq": "10"})
    assert found[1].fields["reason"] == "ConnectionLost 08003"
    assert counts(found) == {
        "room.loaded": 1,
        "commit.unknown": 1,
        "commit.resolved, it had happened": 1,
        "commit.resolved, it had not": 1,
        "redis.lost": 1,
    }


@pytest.mark.parametrize(
    ("fault", "bites"),
    [
        (Injected("actor-kill", T0, T0, "", {"r_1": 1}), True),
        (Injected("actor-kill", T0, T0, "", {"r_1": 2}), False),  # loaded at the epoch that it had: not taken over
        (Injected("actor-kill", T0, T0, "", {"r_2": 1}), False),
        (Injected("actor-kill", T0 + 1.5, T0 + 1.5, "", {"r_1": 1}), False),  # that was before
        (Injected("commit-reply-lost", T0 + 1.9, T0 + 2, ""), True),
        (Injected("commit-reply-lost", T0 + 2.7, T0 + 2.8, ""), False),
        (Injected("commit-lost", T0 + 2.7, T0 + 2.8, ""), True),
        (Injected("commit-lost", T0 - 60, T0 - 50, ""), False),  # too long ago
        (Injected("postgres-restart", T0 + 1.5, T0 + 2, ""), True),
        (Injected("postgres-restart", T0 - 2, T0 - 1, ""), False),  # somebody else's
        (Injected("redis-restart", T0, T0 + 1, ""), False),
        (Injected("redis-restart", T0 + 3, T0 + 3.1, ""), True),
        (Injected("redis-restart", T0 + 1, T0 + 1.9, ""), False),  # lost too late for it
        (Injected("edge-kill", T0, T0, "", url="http://127.0.0.1:8001"), False),
        (Injected("edge-kill", T0 + 4, T0 + 4, "", url="http://127.0.0.1:8001"), True),
        (Injected("edge-kill", T0 + 4, T0 + 4, "", url="http://127.0.0.1:8002"), False),  # another one's players
        (Injected("edge-kill", T0 + 2, T0 + 2, "", url="http://127.0.0.1:8001"), False),  # later than by its death
        (Injected("redis-flush", T0, T0, "flushed 0 keys", hurt=0), False),
        (Injected("redis-flush", T0, T0, "flushed 3 keys", hurt=3), True),
    ],
)
def test_a_fault_hurt_only_if_something_shows_it(fault: Injected, bites: bool) -> None:
    judge([fault], [*events([Text("x", LOG)]), LogEvent(T0 + 4.5, "client.lost", {"url": "http://localhost:8001"})])
    assert bool(fault.bit) == bites
    assert did_nothing([fault], [fault.kind]) == ([] if bites else [f"no {fault.kind} hurt anything"])


def test_one_unknown_commit_shows_one_lost_commit() -> None:
    def resolved(at: float, room: str) -> LogEvent:
        return LogEvent(T0 + at, "commit.resolved", {"happened": "True", "room": room})

    def bites(*log: LogEvent) -> list[bool]:
        faults = [Injected("commit-reply-lost", T0 - 3, T0 + at, "") for at in (1.0, 0.0, 2.0)]
        judge(faults, list(log))
        return [bool(fault.bit) for fault in faults]

    assert bites(resolved(0.1, "r_1")) == [False, True, False]
    assert bites(resolved(0.1, "r_1"), resolved(0.11, "r_2")) == [False, True, False], "two rooms of one commit"
    assert bites(resolved(0.1, "r_1"), resolved(2.1, "r_1")) == [True, True, False]
    assert bites(resolved(0.1, "r_1"), resolved(1.1, "r_1"), resolved(2.1, "r_1")) == [True, True, True]


def test_a_kind_that_never_came_did_nothing() -> None:
    assert did_nothing([], ["net-delay"]) == ["no net-delay was done"]


# The wire


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Proxy, list[bytes]]]:
    """A server that answers `re:` and what it heard, behind a wire; and what it heard."""
    heard: list[bytes] = []
    serving: list[asyncio.Task[object]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1000):
                heard.append(data)
                writer.write(b"re:" + data)
        await hang_up(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy(f"postgresql://u:p@127.0.0.1:{server.sockets[0].getsockname()[1]}/db")
    await proxy.start()
    try:
        yield proxy, heard
    finally:
        proxy.stop()
        server.close()
        await asyncio.gather(*serving)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def dial(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", urlsplit(proxy.url).port)


async def until_cut(reader: asyncio.StreamReader) -> bytes:
    """The bytes that still come before the connection ends."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1000):
            got += data
    return got


async def test_a_wire_carries_both_ways_and_keeps_name_and_password() -> None:
    async with echoing() as (proxy, heard):
        assert proxy.url.startswith("postgresql://u:p@127.0.0.1:")
        assert proxy.url.endswith("/db")
        reader, writer = await dial(proxy)
        writer.write(b"hello")
        assert await reader.readexactly(8) == b"re:hello"
        assert heard == [b"hello"]
        await hang_up(writer)


@pytest.mark.parametrize("loss", ["reply", "request"])
async def test_a_wire_loses_the_reply_or_the_request(loss: str) -> None:
    async with echoing() as (proxy, heard):
        reader, writer = await dial(proxy)
        writer.write(b"before")
        await reader.readexactly(9)
        losing = asyncio.create_task(proxy.lose(loss, b"MARK", 5.0))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        writer.write(b"a MARK b")
        assert await until_cut(reader) == b""
        assert await losing
        assert heard == [b"before", *([b"a MARK b"] if loss == "reply" else [])]
        again, writer_again = await dial(proxy)
        writer_again.write(b"a MARK c")
        assert await again.readexactly(11) == b"re:a MARK c"
        for each in (writer, writer_again):
            await hang_up(each)


async def test_a_wire_that_nobody_uses_loses_nothing() -> None:
    async with echoing() as (proxy, _):
        assert not await proxy.lose("reply", b"MARK", 0.01)


async def test_a_slow_wire_keeps_the_order() -> None:
    async with echoing() as (proxy, _):
        reader, writer = await dial(proxy)
        began = asyncio.get_running_loop().time()
        async with proxy.slow(0.05):
            writer.write(b"one")
            assert await reader.readexactly(6) == b"re:one"
            assert asyncio.get_running_loop().time() - began >= 0.098  # twice, as the loop's clock counts milliseconds
            writer.write(b"two")
            await asyncio.sleep(0)
        writer.write(b"!")
        assert (await reader.readexactly(6)).startswith(b"re:two")
        assert proxy.delayed >= 2
        await hang_up(writer)


async def test_a_cut_wire_cuts_everybody() -> None:
    async with echoing() as (proxy, _):
        dialled = [await dial(proxy) for _ in range(3)]
        for reader, writer in dialled:
            writer.write(b"x")
            await reader.readexactly(4)
        assert proxy.cut() == 3
        for reader, writer in dialled:
            assert await until_cut(reader) == b""
            await hang_up(writer)
        assert proxy.cut() == 0
