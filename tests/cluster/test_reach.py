"""An edge that is cut off knows it, and one that has lost its servers with all others does not take itself for such."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from cluster.deployment import StoresHost
from cluster.lab import ROOT, Lab, why_not
from tavola.storage.migrate import migrate

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}"),
    pytest.mark.slow,
]

SAID = ("others are known", "cut off", "back")
"""Beside them there is its log."""
PROGRAM = """
import asyncio, sys
from tavola.edge.routing.reach import Reach
from tavola.storage.postgres import Database
async def main(url, address):
    database = await Database.connect(url)
    reach = Reach(database, [(address, 6379), (address, 22)], lambda: print("cut off", flush=True))
    running = asyncio.create_task(reach.run())
    while not reach._others: await asyncio.sleep(0.05)
    print("others are known", flush=True)
    while True:
        await asyncio.sleep(0.05)
        if reach.cut_off:
            while reach.cut_off: await asyncio.sleep(0.05)
            print("back", flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Lab, StoresHost]]:
    with Lab("other", developers=("stores", "edge")) as made:
        stores = StoresHost(made["stores"])
        yield made, stores
        stores.stop()


async def test_cut_off_and_back(lab: tuple[Lab, StoresHost]) -> None:
    hosts, stores = lab
    url = stores.told["DATABASE_URL"]
    with hosts["stores"].network():
        await migrate(url)
        connection = await asyncpg.connect(url, ssl=False)
    beat = (
        "INSERT INTO room_actors (name, node, pid, address, capacity, alive_at) VALUES ($1, $1, 1, $2, 1, 'infinity')"
    )
    for name in ("other", "edge"):
        await connection.execute(beat, name, f"{hosts[name].address}:22")
    await connection.close()
    (hosts["edge"].home / "program.py").write_text(PROGRAM)
    program = f"{ROOT}/.venv/bin/python ~/program.py '{url}' {hosts['stores'].address}"
    with hosts["edge"].start(program) as edge:
        assert edge.stdout is not None

        readline = edge.stdout.readline

        async def said() -> str:
            while (line := (await asyncio.to_thread(readline)).strip()) not in SAID:
                assert line, "it goes on"
            return line

        assert await said() == "others are known"
        # All edges have lost the servers; then all but this one have them.
        hosts["stores"].cut()
        next_word = asyncio.create_task(said())
        assert await asyncio.wait([next_word], timeout=8) == (set(), {next_word}), "it says nothing"
        hosts["other"].cut()
        assert await next_word == "cut off"
        hosts["other"].mend()
        assert await said() == "back"
        edge.kill()
