"""A disk fills up under a running stack: what cannot be written is refused, and once there is space, play goes on.

The disk is a small tmpfs, below the database alone or below everything that the stack writes, its logs too. First the
log's table cannot grow; then there is no room for a new segment of Postgres's write-ahead log, of which Postgres dies
and cannot start again.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from kit.client import Api, Pending, Player
from kit.stack import Stack, frozen, kill, lives, until
from kit.table import Table, table
from tavola.storage.postgres import AWAY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk"),
]
SIZE_MB = 256
GOES_ON_WITHIN_S = 5.0
SLOW_MACHINE = 2
CHATS_A_USER = 90
"""Fewer than one may say at once."""
FILLS = 20


class Disk:
    """A small disk of the test's own, mounted at `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    def fill(self) -> None:
        """On return not a page is left, nor a byte of the pages that logs have begun."""
        for _ in range(FILLS):  # Postgres may give something back meanwhile.
            _fill(self._filler, bytes(1 << 16))
            for log in self.place.rglob("worker-*"):
                _fill(log, b"\n")
            if not os.statvfs(self.place).f_bavail:
                return
        raise AssertionError("the disk does not stay full")

    def free(self) -> None:
        self._filler.unlink()


def _fill(file: Path, piece: bytes) -> None:
    with file.open("ab", buffering=0) as out, suppress(OSError):
        while True:
            out.write(piece)


@contextmanager
def mounted(place: Path, size_mb: int = SIZE_MB) -> Iterator[Disk]:
    place.mkdir(mode=0o700, parents=True)
    size = f"size={size_mb}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tavola-test", place], check=True)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize(
    "below",
    [pytest.param("postgres", id="the database's", marks=pytest.mark.long), pytest.param("", id="everything's")],
)
async def test_a_disk_that_is_full_for_a_while(below: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with mounted(folder / below) as disk:
        stack = Stack(folder, edges=1)
        try:
            stack.start()
            async with table(stack) as t:
                await _filled_and_freed(t, disk)
        finally:
            stack.stop()


OLD_MB = 60
"""The megabytes of a room that was closed two hours ago."""


@pytest.mark.long
async def test_old_rooms_make_space_and_play_goes_on(tmp_path: Path) -> None:
    """Commits find no space, and nobody notices: they are tried again until the steward has made some."""
    folder = tmp_path / "data"
    with mounted(folder / "postgres", size_mb=8 * SIZE_MB) as disk:
        stack = Stack(folder, edges=1, TAVOLA_KEEP_CLOSED_ROOMS_DAYS="7")
        try:
            stack.start()
            async with table(stack) as t, Api(stack.urls[0]) as api:
                await t.move()
                old = await _an_old_room(t, api)
                assert await t.truth.value("SELECT count(*) FROM rooms WHERE id = $1", old) == 1
                actor = await t.owner()
                waiting: list[tuple[Player, Pending]] = []
                with frozen(stack.steward()):
                    disk.fill()
                    while not _no_space(stack, actor.pid):
                        player = t.players[len(waiting) % len(t.players)]
                        said = player.send("chat", text=os.urandom(200).hex())
                        waiting.append((player, said))
                        assert len(waiting) < CHATS_A_USER * len(t.players), "the disk was not full"
                        await until(partial(_said_or_no_space, said, stack, actor.pid), "said, or no space")
                for player, pending in waiting:
                    answer = await player.first_answer(pending)
                    assert answer["type"] != "error", answer
                    t.note(player, answer)

                async def gone() -> bool:
                    return bool(await t.truth.value("SELECT count(*) FROM rooms WHERE id = $1", old) == 0)

                await until(gone, "the old room is removed")
                assert await t.truth.value("SELECT why FROM removals WHERE finished_at IS NOT NULL") == "space"
                await t.play_to_the_end()
                await t.check()
                assert (await t.owner()).pid == actor.pid
                space = os.statvfs(disk.place)
                assert space.f_bavail * space.f_frsize > OLD_MB * 500_000, "it went back to the disk"
        finally:
            stack.stop()


def _no_space(stack: Stack, actor: int) -> bool:
    """Whether a commit of that actor's has found none."""
    return "DiskFullError" in stack.said_by(actor)


def _said_or_no_space(said: Pending, stack: Stack, actor: int) -> bool:
    return bool(said.answers) or _no_space(stack, actor)


async def _an_old_room(t: Table, api: Api) -> str:
    """A room that was closed two hours ago, with many hands."""
    host = await api.sign_in("Long gone")
    made = await api.ok("POST", "/api/rooms", host, {"game": "tictactoe", "approval": "auto"})
    room: str = made["id"]
    await api.ok("POST", f"/api/rooms/{room}/close", host)
    connection = t.truth.connection
    await connection.execute("UPDATE rooms SET closed_at = closed_at - 7200000 WHERE id = $1", room)
    for number in range(OLD_MB):
        await connection.execute(
            "INSERT INTO hands (room_id, game, number, record) SELECT $1, $2, n, "
            "to_json((SELECT string_agg(md5((n * part)::text), '') FROM generate_series(1, 30) part)) "
            "FROM generate_series(1, 1000) n",
            room, number + 1,
        )  # fmt: skip
    return room


@pytest.mark.long
async def test_logs_without_space_stop_nobody(tmp_path: Path) -> None:
    """Only the actors' logs lie on the full disk: what they have to say when Postgres dies is lost, and no more."""
    folder = tmp_path / "data"
    with mounted(folder / "ray") as disk:
        stack = Stack(folder, edges=1)
        try:
            stack.start()
            async with table(stack) as t:
                await t.move()
                actor, postgres = await t.owner(), stack.pid_of("postgres")
                disk.fill()
                said = stack.said_by(actor.pid)
                player = await t.next_to_act()
                with frozen(stack.pid):
                    kill(postgres)
                    move = player.send("act", **player.passive())
                    _refused_for_now(await player.first_answer(move))
                t.note(player, await player.answer(move))
                assert stack.said_by(actor.pid) == said, "it had no space to say anything"
                await t.truth.connect()
                await t.play_to_the_end()
                await t.check()
                assert (await t.owner()).pid == actor.pid, "no actor need die of it"
        finally:
            stack.stop()


async def _filled_and_freed(t: Table, disk: Disk) -> None:
    await t.move()
    actor, postgres = await t.owner(), t.stack.pid_of("postgres")
    disk.fill()
    said = await _chat_until_refused(t)
    await _no_room_for_the_wal(t.stack.database_url)
    await until(lambda: not lives(postgres), "Postgres has died of it")
    player = await t.next_to_act()
    move = player.send("act", **player.passive())
    _refused_for_now(await player.first_answer(move))
    async with Api(t.stack.urls[0]) as api:
        reply = await api.request("POST", "/api/session", None, {"display_name": "Newcomer"})
    assert reply.status_code == 503
    _refused_for_now(reply.json()["error"])
    freed_at = time.monotonic()
    disk.free()
    t.note(player, await player.answer(move))
    took = time.monotonic() - freed_at
    print(f"went on {took:.1f} s after there was space")
    assert took < SLOW_MACHINE * GOES_ON_WITHIN_S
    for each, pending in said:
        t.note(each, await each.answer(pending))
    await t.truth.connect()
    await t.play_to_the_end()
    await t.check()
    assert (await t.owner()).pid == actor.pid, "no actor need die of it"


async def _chat_until_refused(t: Table) -> list[tuple[Player, Pending]]:
    """Players talk until nothing more can be written. Messages that were refused are still to be said."""
    for number in range(CHATS_A_USER):
        for player in t.players:
            pending = player.send("chat", text=f"{number} {os.urandom(200).hex()}")
            answer = await player.first_answer(pending)
            if answer["type"] == "error":
                _refused_for_now(answer)
                return [(player, pending)]
            t.note(player, answer)
    raise AssertionError("the disk was not full")


def _refused_for_now(answer: dict[str, object]) -> None:
    assert answer["code"] == "storage_unavailable", answer
    assert answer["retry_after_ms"]


async def _no_room_for_the_wal(url: str) -> None:
    """Use up what is left of the write-ahead log's segment, whose successor cannot be made."""
    try:
        connection = await asyncpg.connect(url, ssl=False)
        while True:
            await connection.execute("SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000))")
    except AWAY:
        pass
