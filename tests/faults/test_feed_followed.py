"""The feed on a stack that runs, read by the program in docs/howto/backend.md: the edge that it reads from is killed,
Postgres is killed, the reader is killed, and it was told of every update, each room's in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from kit.client import reachable
from kit.command import tavola
from kit.examples import example
from kit.stack import Stack, Truth, end_postgres, frozen, kill, lives, until
from kit.table import Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Program:
    """The reader, as a process; what it prints is gathered in one file, whatever becomes of it."""

    def __init__(self, folder: Path, token: str, urls: list[str]) -> None:
        self._told, self._urls = folder / "told", urls
        self._environment = {
            **os.environ,
            "PLACE": str(folder / "place"),
            "TAVOLA_TOKEN": token,
            "TAVOLA_URLS": " ".join(urls),
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = example("docs/howto/backend.md", "Last-Event-ID")
        with self._told.open("a") as out:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program), env=self._environment, stdout=out, stderr=out
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def kill(self) -> None:
        kill(self.pid)
        assert self.process is not None
        await self.process.wait()

    def reads_from(self) -> set[int]:
        """The ports that it is connected to."""
        return {each.raddr.port for each in psutil.Process(self.pid).net_connections() if each.raddr}

    def told(self, room: str) -> list[int]:
        """The seqs of a room, as they came."""
        lines = [line.split() for line in self._told.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [int(words[0].split(".")[1]) for words in lines if words[0].startswith(f"{room}.")]

    async def has(self, room: str, seq: int) -> None:
        await until(lambda: seq in self.told(room), f"{seq} of {room} was told")


async def test_whatever_dies(stack: Stack, tmp_path: Path) -> None:
    code, token = await tavola(stack, "token", "make", "followed", "--scope", "feed")
    assert code == 0, token
    reader = Program(tmp_path, token.strip(), stack.urls)
    try:
        async with table(stack, edges=(1,)) as t:
            await reader.start()
            await reader.has(t.room, (await t.move())["seq"])
            await _edge_killed(stack, t, reader)
            await _postgres_killed(stack, t, reader)
            await _reader_killed(t, reader)
            await t.play_to_the_end()
            await t.check()
        async with stack.truth() as truth:
            await _nothing_is_missing(truth, reader)
    finally:
        if reader.process is not None and lives(reader.pid):
            await reader.kill()


async def _edge_killed(stack: Stack, t: Table, reader: Program) -> None:
    """The players are at the other edge."""
    ports = [urlsplit(url).port for url in stack.urls]
    assert reader.reads_from() == {ports[0]}
    dead = stack.pid_of("edges", 0)
    kill(dead)
    ack = await t.host.command("chat", text="Who was that?")
    t.note(t.host, ack)
    await until(lambda: reader.reads_from() == {ports[1]}, "it reads from the other edge")
    await reader.has(t.room, ack["seq"])

    async def answers() -> bool:
        return stack.pid_of("edges", 0) != dead and await reachable(stack.urls[0])

    await until(answers, "the edge is back")


async def _postgres_killed(stack: Stack, t: Table, reader: Program) -> None:
    """The supervisor starts it again; the reader's stream goes on."""
    read_from, dead = reader.reads_from(), stack.pid_of("postgres")
    with frozen(stack.pid):
        await end_postgres(stack, signal.SIGKILL)
        await until(lambda: "feed.storage_unavailable" in stack.said_by_edge(2), "the stream's edge found it away")
        said = t.host.send("chat", text="And that?")
    ack = await t.host.answer(said)
    t.note(t.host, ack)
    await until(lambda: stack.pid_of("postgres") != dead, "another Postgres")
    await t.truth.connect()
    await reader.has(t.room, ack["seq"])
    assert reader.reads_from() == read_from


async def _reader_killed(t: Table, reader: Program) -> None:
    """While it is gone they play on."""
    await reader.kill()
    before = len(reader.told(t.room))
    acks = [await t.host.command("chat", text=f"number {n}") for n in range(20)]
    for ack in acks:
        t.note(t.host, ack)
    assert len(reader.told(t.room)) == before
    await reader.start()
    await reader.has(t.room, acks[-1]["seq"])
    assert len(reader.told(t.room)) <= before + 30, "it went on from its place"


async def _nothing_is_missing(truth: Truth, reader: Program) -> None:
    """Of any room: all that the log has, in order, but for what came again."""
    rows = await truth.rows("SELECT room_id, seq FROM log ORDER BY room_id, seq")
    logged: dict[str, list[int]] = {}
    for row in rows:
        logged.setdefault(row["room_id"], []).append(row["seq"])
    for room, seqs in logged.items():
        await reader.has(room, seqs[-1])
        told = reader.told(room)
        once = [seq for number, seq in enumerate(told) if seq > max(told[:number], default=0)]
        assert once[: len(seqs)] == seqs
