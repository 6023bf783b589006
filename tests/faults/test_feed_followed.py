"""The feed on a stack that runs, read by the program in docs/howto/backend.md: the edge that it reads from is killed,
Postgres is killed, the reader is killed, and it was told of every update, each room's in order."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kit.client import reachable
from kit.command import tavola
from kit.reader import FeedReader, nothing_is_missing
from kit.stack import Stack, end_postgres, frozen, kill, lives, until
from kit.table import Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_whatever_dies(stack: Stack, tmp_path: Path) -> None:
    code, token = await tavola(stack, "token", "make", "followed", "--scope", "feed")
    assert code == 0, token
    reader = FeedReader(tmp_path, token.strip(), stack.urls)
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
            await nothing_is_missing(truth, reader)
    finally:
        if reader.process is not None and lives(reader.pid):
            await reader.kill()


async def _edge_killed(stack: Stack, t: Table, reader: FeedReader) -> None:
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


async def _postgres_killed(stack: Stack, t: Table, reader: FeedReader) -> None:
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


async def _reader_killed(t: Table, reader: FeedReader) -> None:
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
