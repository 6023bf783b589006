"""Workers are forked by a server of the node's. Killed, it takes nobody along, and rooms are placed without it."""

from __future__ import annotations

import psutil
import pytest

from kit.stack import Stack, kill, lives, until
from kit.table import Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FORKED_BEFORE = 2
"""Workers that Ray may have had forked without an actor for them, at most: one for each processor it counts."""


async def test_an_actor_dies_alone(cold: Stack) -> None:
    """Actors are forked from one process; a killed one takes neither it nor the others along."""
    async with table(cold) as one, table(cold) as other:
        server = _parent((await one.owner()).pid)
        neighbour = (await other.owner()).pid
        assert _parent(neighbour) == server
        assert await _killed(one) == server
        assert (await other.owner()).pid == neighbour
        assert lives(neighbour)
        await other.move()


async def test_the_server_is_killed(cold: Stack) -> None:
    """Its actors go on. The next one is forked by a new server."""
    async with table(cold) as t:
        before = await t.owner()
        server = _parent(before.pid)
        kill(server)
        await t.move()
        assert (await t.owner()).pid == before.pid
        assert await _killed(t) not in (server, cold.raylet())
        await t.play_to_the_end()
        await t.check()


async def test_the_steward_that_asked_for_the_first_worker_is_killed(cold: Stack) -> None:
    """Workers belong to no steward's job: those that are forked later are not taken for a dead one's."""
    async with table(cold) as t:
        server = _parent((await t.owner()).pid)
        kill(cold.pid_of("steward"))
        steward = cold.folder / "logs" / "steward.log"
        joined = steward.read_text().count("steward.joined")
        await until(lambda: steward.read_text().count("steward.joined") > joined, "another one joins Ray")
        said = len(steward.read_text())
        for _ in range(2):
            assert await _killed(t) == server
        assert "actor.not_started" not in steward.read_text()[said:]


async def test_no_server_can_be_had(cold: Stack) -> None:
    """Workers are then what Ray meant them to be: children of the raylet. One or two may have been forked before, and
    wait for an actor."""
    lock = (cold.folder / "ray" / "data").resolve() / "forks.lock"
    async with table(cold) as t:
        lock.unlink()
        lock.mkdir()
        try:
            parents = [await _killed(t) for _ in range(FORKED_BEFORE + 1)]
            assert parents[-1] == cold.raylet(), parents
        finally:
            lock.rmdir()
        await t.play_to_the_end()
        await t.check()


async def _killed(t: Table) -> int:
    """The room's actor is killed, and a move is made. Gives the parent of the actor that went on."""
    before = await t.owner()
    kill(before.pid)
    await t.move()
    after = await t.owner()
    assert after.epoch > before.epoch
    return _parent(after.pid)


def _parent(pid: int) -> int:
    return int(psutil.Process(pid).ppid())
