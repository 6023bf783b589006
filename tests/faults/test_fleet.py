"""A fleet as firms have it: nginx with TLS before three edges, and a Redis that wants certificates. A hand is played to
its end while the edge that holds players is killed, Redis is, and a reader of the feed is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from kit.certificates import Authority
from kit.client import Player
from kit.command import tavola
from kit.front import free_port, front_door
from kit.reader import FeedReader, nothing_is_missing
from kit.redis_tls import TlsFront, redis_files
from kit.stack import Stack, kill, lives, until
from kit.table import Table, table
from tavola.stack.embedded_redis import EmbeddedRedis

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@asynccontextmanager
async def fleet(folder: Path, redis: EmbeddedRedis) -> AsyncIterator[tuple[Stack, TlsFront]]:
    authority = Authority(folder)
    files = {name: str(path) for name, path in redis_files(authority).items()}
    async with TlsFront(await redis.start(), authority).running() as front:
        settings = {**files, "REDIS_URL": front.url(), "TAVOLA_TRUSTED_PROXIES": "127.0.0.1", "TAVOLA_SPARES": "0"}
        stack = Stack(folder / "data", edges=3, **settings)
        try:
            await asyncio.to_thread(stack.start)
            yield stack, front
        finally:
            await asyncio.to_thread(stack.stop)
            await redis.stop()


async def test_whatever_of_a_fleet_dies_the_hand_is_played_to_its_end(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path / "redis")
    async with fleet(tmp_path, redis) as (stack, front):
        assert front.admitted >= 2 * len(stack.urls), "all edges say and hear by TLS"
        with front_door(stack.urls, tmp_path, free_port()) as address:
            certificate, door = tmp_path / "cert.pem", f"https://{address}"
            reader = await _reader(stack, tmp_path, door, certificate)
            try:

                class Behind(Player):
                    tls = ssl.create_default_context(cafile=str(certificate))

                async with table(stack, door=door, kind=Behind) as t:
                    await reader.start()
                    await reader.has(t.room, (await t.move())["seq"])
                    await _edge_killed(stack, t, door)
                    await reader.has(t.room, (await t.move())["seq"])
                    await _redis_killed(stack, t, redis, front)
                    await reader.has(t.room, (await t.move())["seq"])
                    await _reader_killed(t, reader)
                    await t.play_to_the_end()
                    await t.check()
                async with stack.truth() as truth:
                    await nothing_is_missing(truth, reader)
            finally:
                if reader.process is not None and lives(reader.pid):
                    await reader.kill()


async def _reader(stack: Stack, folder: Path, door: str, certificate: Path) -> FeedReader:
    code, token = await tavola(stack, "token", "make", "fleet", "--scope", "feed")
    assert code == 0, token
    return FeedReader(folder, token.strip(), [door], SSL_CERT_FILE=str(certificate))


async def _edge_killed(stack: Stack, t: Table, door: str) -> None:
    """The one with the most of the sockets: of four on three edges, of which one watches."""
    held = [await _sockets(url) for url in stack.urls]
    assert sum(held) == len(t.everybody)
    number = held.index(max(held))
    dead = stack.pid_of("edges", number)
    kill(dead)
    assert not lives(dead)
    lost = await until(lambda: _lost(t, held[number]), "the sockets of the edge are gone")
    assert any(each in t.players for each in lost)
    assert any(each.closed is None for each in t.everybody), "and no others"
    for each in lost:
        await each.follow(door)
    assert stack.pid_of("edges", number) == dead or not lives(dead)


def _lost(t: Table, count: int) -> list[Player]:
    lost = [each for each in t.everybody if each.closed is not None]
    return lost if len(lost) >= count else []


async def _sockets(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        told = (await http.get(f"{url}/metrics")).text.splitlines()
    [line] = [line for line in told if line.startswith("tavola_sockets ")]
    return int(float(line.split()[1]))


async def _redis_killed(stack: Stack, t: Table, redis: EmbeddedRedis, front: TlsFront) -> None:
    """A move is made while it is away; those on other edges have it at the latest when it is back."""
    assert redis.process is not None
    admitted = front.admitted
    redis.process.kill()
    redis.process.wait()
    # The one that was killed may not be back yet.
    await until(lambda: any("redis.lost" in stack.said_by_edge(n) for n in (1, 2, 3)), "edges have lost it")
    player = await t.next_to_act()
    ack = await player.command("act", **player.passive())
    t.note(player, ack)
    await redis.start()
    await t.all_at(ack["seq"])
    await until(lambda: front.admitted > admitted, "they are back, by TLS")


async def _reader_killed(t: Table, reader: FeedReader) -> None:
    """While it is gone they play on."""
    await reader.kill()
    before = len(reader.told(t.room))
    acks = [await t.host.command("chat", text=f"number {n}") for n in range(5)]
    for ack in acks:
        t.note(t.host, ack)
    assert len(reader.told(t.room)) == before
    await reader.start()
    await reader.has(t.room, acks[-1]["seq"])
