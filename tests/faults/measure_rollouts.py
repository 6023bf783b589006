"""Roll-outs in turn between two versions of the code, while bots play: what the players saw of them.

    python tests/faults/measure_rollouts.py [ROLL-OUTS] [TABLES]

A copy of the program runs as `tavola dev` with two edges; of the two versions one has a comment more. `tavola load`
plays on both edges and checks all that its bots see; it is ended after the last roll-out. It is told how long each
took, how often rooms were moved, how many hands were voided, and what `tavola load` saw, latencies among it.

In some more rooms somebody says something every 60 ms, by REST, at the other edge when one does not answer. Of each
move of those rooms the time is told from the sending of the first command that the new actor answered to that answer,
refusals and tries included: so long the room pauses, whatever becomes of sockets.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from measure_moves import say

from kit.client import Api, Identity
from kit.command import tavola
from kit.stack import Stack, Truth
from kit.table import open_room

ROOT = Path(__file__).parents[2]
PARTS = ("actors", "clients", "edge", "games", "load", "storage", "tavola")
CHANGED = Path("actors", "room", "clock.py")
ROOMS, THINK_S, AGAIN_S = 6, 0.06, 0.01
EPOCHS = "SELECT seq, epoch FROM log WHERE room_id = $1 AND user_id <> '' ORDER BY seq"
VOIDED = "SELECT count(*) FROM hands WHERE ended_at IS NOT NULL AND record ->> 'voided' IS NOT NULL"
MOVED = "SELECT count(DISTINCT (room_id, epoch)) - count(DISTINCT room_id) FROM log"


def copied(folder: Path) -> Path:
    """The program, where it may be changed."""
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, folder / part, symlinks=True, ignore=ignored)
    return folder


class Talk:
    """Somebody who says something in a room again and again."""

    def __init__(self, edges: list[Api], who: Identity, room: str) -> None:
        self.room = room
        self.took: dict[int, float] = {}
        """Seconds by the number of each command."""
        self.refused = Counter[str]()
        self._edges = itertools.cycle(edges)
        self._who = who

    async def run(self) -> None:
        edge = next(self._edges)
        for number in itertools.count():
            began = time.perf_counter()
            while (seq := await self._said(edge, number)) is None:
                edge = next(self._edges)
                await asyncio.sleep(AGAIN_S)
            self.took[seq] = time.perf_counter() - began
            await asyncio.sleep(THINK_S)

    async def _said(self, edge: Api, number: int) -> int | None:
        path, body = f"/api/rooms/{self.room}/chat", {"text": f"{number}"}
        try:
            answer = await edge.request("POST", path, self._who, body, f"{self._who.user}-{number}")
        except httpx.TransportError:
            return None
        if answer.is_success:
            return int(answer.json()["seq"])
        error = answer.json()["error"]
        self.refused[error["code"] if "retry_after_ms" in error else f"{error['code']}, for good"] += 1
        return None

    async def pauses(self, truth: Truth) -> list[float]:
        found, before = [], None
        for row in await truth.rows(EPOCHS, self.room):
            if row["seq"] in self.took and before not in (None, row["epoch"]):
                found.append(self.took[row["seq"]])
            before = row["epoch"]
        return found


async def talks(edges: list[Api]) -> list[Talk]:
    found = []
    for number in range(ROOMS):
        who = await edges[0].sign_in(f"Talker {number}")
        found.append(Talk(edges, who, await open_room(edges[0], who)))
    return found


async def measure(stack: Stack, program: Path, rollouts: int, tables: int) -> int:
    one = (program / CHANGED).read_text()
    report = program / "report.json"
    urls = [word for url in stack.urls for word in ("--url", url)]
    playing = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tavola", "load", *urls, "--tables", str(tables), "--seats", "3", "--think", "300-900"),
        *("--seconds", str(rollouts * 90), "--json", str(report)),
    )
    wrong = 0
    async with stack.truth() as truth, AsyncExitStack() as open_:
        talking = await talks([await open_.enter_async_context(Api(url)) for url in stack.urls])
        tasks = [asyncio.create_task(each.run()) for each in talking]
        await asyncio.sleep(5)
        for number in range(rollouts):
            (program / CHANGED).write_text(one if number % 2 else f"{one}# another version\n")
            began = time.perf_counter()
            for _ in range(20):
                if (outcome := await tavola(stack, "rollout"))[0] != 2:
                    break
                await asyncio.sleep(1)  # The machine has not seen it yet.
            print(f"roll-out {number + 1}: {time.perf_counter() - began:5.1f} s, exit code {outcome[0]}", flush=True)
            if outcome[0]:
                print(outcome[1], flush=True)
                wrong += 1
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
        say("a room's pause", [each for talk in talking for each in await talk.pauses(truth)])
        say("all that was said", [each for talk in talking for each in talk.took.values()])
        print("refused:", dict(sum((talk.refused for talk in talking), Counter())) or "nothing", flush=True)
        moved, voided = await truth.value(MOVED), await truth.value(VOIDED)
    if playing.returncode is None:
        playing.send_signal(signal.SIGINT)
    code = await playing.wait()
    print(f"{moved} times a room had another actor; {voided} hands voided; tavola load ended with {code}")
    if report.exists():
        told = json.loads(report.read_text())
        print(json.dumps({key: told[key] for key in told if key in ("violations", "refused", "latency", "errors")}))
    return wrong or code


def main() -> int:
    rollouts, tables = (*(int(word) for word in sys.argv[1:]), *(4, 8)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        program = copied(Path(folder) / "program")
        os.environ["PYTHONPATH"] = str(program)
        os.chdir(folder)
        stack = Stack(
            Path(folder) / "data", edges=2, TAVOLA_ROOMS_PER_ACTOR="20", TAVOLA_SPARES="1", TAVOLA_FRAMES_PER_SECOND="0"
        )
        try:
            stack.start()
            return asyncio.run(measure(stack, program, rollouts, tables))
        finally:
            stack.stop()


if __name__ == "__main__":
    sys.exit(main())
