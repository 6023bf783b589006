"""Machines come and go with the rooms: Ray's own autoscaler, with its provider for machines of one's own, starts one of
the lab's hosts when rooms need it, and ends it when they do not. And one that is told to end is drained before.

Games are played all the while, and judged as after a proof: every frame, the log, and what replaying it gives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
import uvloop

from cluster.deployment import MACHINES, WORKERS, Deployment, DeploymentStores, deployed, prepared
from cluster.lab import ROOT, Host, Lab, why_not
from cluster.losses import LabGrounds, Loser
from tavola.load.evidence.truth import Truth
from tavola.load.faults.injector import Injected
from tavola.load.measure.scenario import Scenario
from tavola.load.report.proof import Proof
from tavola.load.run.prove import Faults, Prover
from tavola.load.run.run import Run

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}"),
    pytest.mark.long,
    pytest.mark.timeout(900),
]

CARRIED = 6
"""Room actors that a machine carries, of one room each."""
STAY = 2
"""Tables that go on when the others, as many as the head carries, have ended."""
SETTINGS = {
    "TAVOLA_ROOMS_PER_ACTOR": "1",
    "TAVOLA_SPARES": "1",
    "TAVOLA_NODES_LEAST": "1",
    "TAVOLA_GATHER_AFTER_S": "6",
    "TAVOLA_ROOMS_EVENED_PER_SECOND": "0",  # so that it is known where tables are
}
MOVES = 4
WITHIN_S = 120.0
LOOK_S = 0.2

ROOMS = """
SELECT r.id, a.name, a.node, g.seq
FROM rooms r JOIN game_states g ON g.room_id = r.id JOIN room_actors a ON a.name = r.actor WHERE r.id = ANY($1)
"""
ACTORS = "SELECT name FROM room_actors WHERE node = $1"
OF_NODE = "SELECT r.id FROM rooms r JOIN room_actors a ON a.name = r.actor WHERE a.node = $1"
OPEN = "SELECT id FROM rooms WHERE id = ANY($1) AND status <> 'closed'"
VOIDED = "SELECT count(*) AS hands FROM hands WHERE record ->> 'voided' IS NOT NULL"
PLAYED = "SELECT count(*) AS hands FROM hands WHERE ended_at IS NOT NULL AND room_id = ANY($1)"
WATCH = """
import json, time
import ray
ray.init(address="localhost:6379", log_to_driver=False, configure_logging=False)
before = None
while True:
    now = sorted(node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"])
    if now != before:
        print(json.dumps(now), flush=True)
    before = now
    time.sleep(0.3)
"""


Tell: TypeAlias = Callable[[list[str]], Awaitable[None]]
"""Tells a story while bots play in these rooms."""


class Scaled(Deployment):
    """A head, and machines of which Ray starts one if need be."""

    def up(self) -> str:
        told = self._desk.ssh(f"cd {ROOT} && .venv/bin/ray up --yes ~/cluster.yaml", within_s=600)
        self.until_ready("head")
        return told

    def _filled_in(self, installed: bool) -> dict[str, Any]:
        config = super()._filled_in(installed)
        config |= {"min_workers": 0, "max_workers": 1, "idle_timeout_minutes": 0.2}
        for role in ("head", "worker"):
            commands = config[f"{role}_start_ray_commands"]
            declares = rf"\g<0>--room-actors={CARRIED} "
            config[f"{role}_start_ray_commands"] = [
                re.sub(r"tavola node (keep )?(?=--(head|address)\b)", declares, each) for each in commands
            ]
        return config


@contextlib.contextmanager
def scaled() -> Iterator[tuple[Deployment, DeploymentStores]]:
    with Lab(*MACHINES, developers=("stores", "desk"), srv=prepared(installed=True)) as lab:
        stores = DeploymentStores(lab)
        try:
            deployment = Scaled(lab, stores.told, installed=True, **SETTINGS)
            deployment.up()
            yield deployment, stores
        finally:
            stores.stop()


class RayNodes:
    """The addresses of the nodes that live, as Ray on the head lists them."""

    def __init__(self, head: Host) -> None:
        (head.home / "watch.py").write_text(WATCH)
        self._watching = head.start("cd ~/tavola && set -a && . ./.env && .venv/bin/python ~/watch.py")
        self.now: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._watching.stdout is not None
        for line in self._watching.stdout:
            if line.startswith("["):
                self.now = json.loads(line)

    def close(self) -> None:
        self._watching.kill()
        self._watching.wait()
        self._reader.join()
        for pipe in (self._watching.stdin, self._watching.stdout):
            assert pipe is not None
            pipe.close()


class Story:
    """Told by a test while bots play; for the prover it breaks nothing."""

    def __init__(self, tell: Tell, run: Run) -> None:
        self.done: list[Injected] = []
        self.left_out: Counter[str] = Counter()
        self._tell = tell
        self._run = run

    async def run(self) -> None:
        await self._tell([table.room for table in self._run.tables])


class StoryGrounds(LabGrounds):
    def __init__(self, deployment: Deployment, stores: DeploymentStores, tell: Tell) -> None:
        super().__init__(deployment, stores, ())
        self._tell = tell

    def breaker(self, truth: Truth, run: Run) -> tuple[Any, int]:
        return Story(self._tell, run), 0


def scenario(deployment: Deployment, tables: int, first: int = 0, edges: Sequence[str] = ("head",)) -> Scenario:
    return Scenario(
        urls=tuple(deployment.urls[name] for name in edges),
        tables=tables,
        first=first,
        bots=2,
        games=("tictactoe",),
        think_s=(0.2, 0.5),
        opened_at_once=2,
    )


async def proved(
    deployment: Deployment,
    stores: DeploymentStores,
    edges: Sequence[str],
    tables: int,
    tell: Tell,
    record: Path,
) -> Proof:
    """The verdict over tables that play at these edges while it is told."""
    prover = Prover(scenario(deployment, tables, edges=edges), Faults({}, 1.0, 1), edges=0, rooms_per_actor=0)
    return await prover.prove_there(StoryGrounds(deployment, stores, tell), record)


class Seen:
    """The truth about rooms, as the database has it."""

    def __init__(self, deployment: Deployment) -> None:
        self._url = deployment.database_url
        self._said = deployment.said

    async def rooms(self, ids: list[str]) -> dict[str, Any]:
        return {row["id"]: row for row in await self.rows(ROOMS, ids)}

    async def rows(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self._url, ssl=False, timeout=10)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=2)

    async def played_at(self, node: str, ids: list[str]) -> None:
        """Waits until all of them are there, and moves were accepted at each, in one actor."""
        began: dict[str, Any] = {}

        async def moved() -> bool:
            now = await self.rooms(ids)
            for id, row in now.items():
                if id not in began or began[id]["name"] != row["name"]:
                    began[id] = row
            return {*ids} == {
                id for id, row in now.items() if row["node"] == node and row["seq"] >= began[id]["seq"] + MOVES
            }

        await self.until(moved, f"moves in {ids} on {node}")

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> float:
        began = time.monotonic()
        while not await holds():
            if time.monotonic() - began > WITHIN_S:
                raise TimeoutError(f"{what}: not within {WITHIN_S:.0f} s\n{self._said('head')}")
            await asyncio.sleep(LOOK_S)
        return time.monotonic() - began


def events(deployment: Deployment, name: str) -> list[dict[str, str]]:
    """Their fields, from all logs."""
    lines = [line for _, text in deployment.logs() for line in text.decode(errors="replace").splitlines()]
    return [
        dict(re.findall(r"(\w+)=(\S+)", line.partition(name)[2])) for line in lines if re.search(rf"\b{name}\b", line)
    ]


def test_a_machine_comes_for_rooms_and_goes_without_them(tmp_path: Path) -> None:
    with scaled() as (deployment, stores):
        it_comes_and_goes(deployment, stores, tmp_path)


def it_comes_and_goes(deployment: Deployment, stores: DeploymentStores, tmp_path: Path) -> None:
    lab = deployment.lab
    head, workers = lab["head"].address, {lab[name].address for name in WORKERS}
    ray = RayNodes(lab["head"])
    took: dict[str, float] = {}

    async def played() -> tuple[Proof, str]:
        seen = Seen(deployment)

        async def are(addresses: set[str]) -> bool:
            return {*ray.now} == addresses

        async def another() -> bool:
            return len(ray.now) == 2

        async def no_actors() -> bool:
            return not await seen.rows(ACTORS, came)

        async def closed(rooms: list[str]) -> bool:
            return not await seen.rows(OPEN, rooms)

        async def nothing_left() -> bool:
            count = "grep -lz TAVOLA_STACK= /proc/[0-9]*/environ 2>/dev/null | wc -l"
            return await asyncio.to_thread(lab[name].ssh, count) == "0\n"

        async def full() -> bool:
            return len(await seen.rows(OF_NODE, head)) == CARRIED

        await seen.until(lambda: are({head}), "the head is alone")
        fill = Run(scenario(deployment, CARRIED, first=100))
        filling = asyncio.create_task(fill.play())
        await seen.until(full, "as many rooms as the head carries")
        took["it came"] = await seen.until(another, "another machine")
        [came] = {*ray.now} - {head}
        assert came in workers
        [name] = [name for name in WORKERS if lab[name].address == came]
        await asyncio.to_thread(deployment.until_ready, name)

        async def tell(rooms: list[str]) -> None:
            await seen.played_at(came, rooms)
            assert len(rooms) == STAY
            for table in fill.tables:
                bot = table.bots[0].room
                assert bot is not None
                await bot.command("close_room", after_hand=True)
            await seen.until(lambda: closed([table.room for table in fill.tables]), "the others are closed")
            fill.stop()
            outcome = await filling
            assert not outcome.verdict.violations
            took["drained"] = await seen.until(no_actors, "its rooms are gathered on the head")
            assert {row["node"] for row in (await seen.rooms(rooms)).values()} == {head}
            assert {*ray.now} == {head, came}, "drained before it goes"
            took["it went"] = await seen.until(lambda: are({head}), "it goes")
            await seen.played_at(head, rooms)
            took["nothing was left"] = await seen.until(nothing_left, "nothing runs there any more")
            again = Run(scenario(deployment, CARRIED - STAY, first=200))
            filling_again = asyncio.create_task(again.play())
            took["it came again"] = await seen.until(another, "another machine, once more")
            again.stop()
            await filling_again

        try:
            proof = await proved(deployment, stores, ("head", name), STAY, tell, tmp_path / "record")
        finally:
            filling.cancel()
            await asyncio.wait([filling])
        assert (await seen.rows(VOIDED))[0]["hands"] == 0
        assert (await seen.rows(PLAYED, [*proof.tables]))[0]["hands"] > 0
        return proof, came

    try:
        with lab["desk"].network():
            proof, came = uvloop.run(played())
    finally:
        ray.close()
    print({what: round(seconds, 1) for what, seconds in took.items()}, proof.looked)
    assert proof.passed, proof.why
    assert {event["node"] for event in events(deployment, "node.unneeded")} == {came}
    assert len(events(deployment, "edge.machine_ends")) == 1
    assert int(events(deployment, "edge.drains")[0]["sockets"]), "players were there"
    handed_over = {event["room"] for event in events(deployment, "room.moved")}
    assert handed_over >= {*proof.tables}
    assert not [event for event in events(deployment, "room.take_over") if event["room"] in proof.tables]


def test_a_machine_that_is_told_to_end_is_drained_first(tmp_path: Path) -> None:
    with deployed(TAVOLA_ROOMS_PER_ACTOR="1") as (deployment, stores):
        lab = deployment.lab
        ray = RayNodes(lab["head"])
        told: list[tuple[str, set[str], float]] = []

        async def played() -> Proof:
            seen = Seen(deployment)

            async def tell(rooms: list[str]) -> None:
                worker = await Loser(LabGrounds(deployment, stores, ()), ()).worker()
                there = {row["id"] for row in await seen.rows(OF_NODE, worker.address)}
                await seen.played_at(worker.address, [*there])
                began = time.monotonic()
                stop = "cd ~/tavola && TAVOLA_STACK=$PWD .venv/bin/tavola node stop"
                stopping = asyncio.create_task(asyncio.to_thread(worker.ssh, stop, within_s=120))
                while worker.address in ray.now:
                    if not stopping.done() and not {row["id"] for row in await seen.rows(OF_NODE, worker.address)}:
                        told.append((worker.address, there, time.monotonic() - began))
                        break
                    await asyncio.sleep(0.05)
                await stopping
                assert told, f"the node went after {time.monotonic() - began:.1f} s, and had rooms"
                assert worker.address not in ray.now
                for id, row in (await seen.rooms([*there])).items():
                    await seen.played_at(row["node"], [id])

            return await proved(deployment, stores, ("head",), 9, tell, tmp_path / "record")

        with contextlib.closing(ray), lab["desk"].network():
            proof = uvloop.run(played())
        [(_, there, took)] = told
        print(f"{len(there)} rooms left after {took:.1f} s", proof.looked)
        assert proof.passed, proof.why
        assert {event["room"] for event in events(deployment, "room.moved")} >= there
        lost = events(deployment, "room.take_over")
        assert not [event for event in lost if event["room"] in there], lost
