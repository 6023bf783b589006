"""`tavola logs`, of a stack in which actors die: a room's story, told by all who had part in it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.stack import Stack, kill, until
from kit.table import Table, table
from tavola.config.log_file import LOG_BYTES, old

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def command(stack: Stack, *words: str) -> list[str]:
    return [sys.executable, "-m", "tavola", "logs", "--data-dir", str(stack.folder), *words]


def told(stack: Stack, *words: str) -> list[dict[str, Any]]:
    """The events that it shows."""
    done = subprocess.run(command(stack, "--json", *words), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@asynccontextmanager
async def following(stack: Stack, *words: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(*command(stack, "--follow", *words), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        await process.wait()


async def line_with(out: asyncio.StreamReader, *words: str) -> str:
    async with asyncio.timeout(60):
        while True:
            line = (await out.readline()).decode()
            assert line, "it has ended"
            if all(word in line for word in words):
                return line


async def test_a_room_whose_actor_is_killed(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t:
        await until(t.truth.spares, "a spare")
        async with following(stack, "--room", t.room, "--since", "1h") as out:
            await t.move()
            before = await t.owner()
            await line_with(out, "room.loaded", before.actor)
            kill(before.pid)
            await t.move()
            after = await t.owner()
            await line_with(out, "room.placed", f"actor={after.actor}")
            await line_with(out, f" {after.actor} room.loaded", f"room={t.room}")
        await t.play_to_the_end()
        await t.check()
        _check_story(t, before.actor, after.actor, after.pid)


def _check_story(t: Table, first: str, second: str, pid: int) -> None:
    events = told(t.stack, "--room", t.room)
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert all(t.room in str(event) for event in events)
    story = [(_kind(event), event["event"]) for event in events]
    wanted = [
        ("edge", "room.placed"), (first, "room.loaded"), ("edge", "room.take_over"), ("edge", "room.placed"),
        (second, "room.loaded"),
    ]  # fmt: skip
    rest = iter(story)
    assert all(each in rest for each in wanted), "in this order, and the other edge's among them"
    assert {event["pid"] for event in events if event["part"] == second} == {pid}
    assert {event["part"] for event in told(t.stack, "--part", second)} == {second}


def _kind(event: dict[str, Any]) -> str:
    return "edge" if event["part"] in ("edge-1", "edge-2") else event["part"]


@pytest.mark.long
async def test_every_process_writes_json_in_files_that_stay_small(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", TAVOLA_LOG_FORMAT="json", TAVOLA_SPARES="1")
    try:
        stack.start()
        async with table(stack) as t:
            before, spare = await t.owner(), (await until(t.truth.spares, "a spare"))[0]
            edge = stack.folder / "logs" / "edge-1.log"
            workers = (stack.folder / "ray" / "data").resolve() / "r/s/logs"
            [worker] = workers.glob(f"worker-*-{spare}.out")
            for log in (edge, worker):
                with log.open("ab") as file:
                    file.write((b"x" * 4095 + b"\n") * (LOG_BYTES // 4096 + 1))
            async with following(stack, "--json", "--room", t.room) as out:
                await _read_from_now(stack, out, t)
                kill(before.pid)
                await t.move()
                await line_with(out, '"room.placed"', '"part": "edge-1"')
                await line_with(out, '"room.loaded"', f'"pid": {spare}')
            assert (await t.owner()).pid == spare
            for log in (edge, worker):
                assert old(log).stat().st_size > LOG_BYTES > log.stat().st_size > 0
                assert json.loads(log.read_text().splitlines()[0])["event"] == "log.began"
            others = (log for log in workers.glob("worker-*.out") if log != old(worker))
            for log in (edge, stack.folder / "logs" / "bots.log", *others):
                lines = [line for line in log.read_text().splitlines() if line and not line.startswith(":")]
                assert all({"at", "level", "event", "part", "pid"} <= json.loads(line).keys() for line in lines), log
            everything = told(stack)
            events = [event["event"] for event in everything if event.get("room") == t.room]
            parts = {event["part"].rpartition("-")[0] or event["part"] for event in everything}
            assert parts >= {"edge", "room-actor", "steward", "bots", "pooler"}
    finally:
        stack.stop()
    assert events == [event["event"] for event in told(stack, "--room", t.room)][: len(events)]
    assert len(events) >= 5, "a stack that has ended is read all the same"


async def _read_from_now(stack: Stack, out: asyncio.StreamReader, t: Table) -> None:
    """On return it follows: it has shown an event that came after its start."""
    edge = stack.folder / "logs" / "edge-1.log"

    async def mark() -> bool:
        event = {"at": "2026-01-01T00:00:00Z", "level": "info", "event": "test.mark", "part": "edge-1", "room": t.room}
        with edge.open("ab") as file:
            file.write(f"{json.dumps(event)}\n".encode())
        try:
            async with asyncio.timeout(1):
                return "test.mark" in (await out.readline()).decode()
        except TimeoutError:
            return False

    await until(mark, "it follows")
