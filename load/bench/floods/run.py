"""A stack with its settings as they come, the pair at its table, and one flood after the other from a process apart."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import urlsplit

import msgspec
import psutil

from tavola.client.api import ApiClient
from tavola.config.settings import Settings
from tavola.load.bench.floods.attacks import FLOODS, Target
from tavola.load.bench.floods.honest import Pair, seated
from tavola.load.bench.floods.page import FloodFigure
from tavola.load.run.stack import LIMITS, own_stack
from tavola.load.transport.http_client import Http

ELSEWHERE = "127.0.0.2"
"""Where floods come from: another address of this machine than the pair's."""
AS_IT_COMES = {
    field.alias: str(field.default)
    for field in Settings.model_fields.values()
    if field.alias in {*LIMITS, "TAVOLA_CONNECTIONS_PER_ADDRESS"}
}
LOOK_EVERY_S = 0.2
BEGINS_S, CALMS_S = 1.0, 2.0


async def run(names: Sequence[str], seconds: float, say: Callable[[str], None]) -> list[FloodFigure]:
    """Without a flood first, and last. Raises DidNotStart."""
    say("starting a server of our own …")
    async with own_stack(1, 1, AS_IT_COMES) as (stack, _):
        edge = psutil.Process(stack.roots()["edges"][0])
        async with Http(stack.url) as http:
            token = (await ApiClient(http).sign_in("Mallory")).token
        target = target_of(stack.url, token)
        figures = []
        async with seated(stack.url) as pair, pair.playing():
            await asyncio.sleep(CALMS_S)
            for name in ("", *names, ""):
                figures.append(await _measure(name, pair, edge, target, seconds))
                say(f"  {figures[-1].title}: moves p99 {figures[-1].moves.p99:.1f} ms")
                await asyncio.sleep(CALMS_S)
        return figures


def target_of(url: str, token: str) -> Target:
    parts = urlsplit(url)
    return Target(parts.hostname or "", parts.port or 0, ELSEWHERE, token)


async def _measure(name: str, pair: Pair, edge: psutil.Process, target: Target, seconds: float) -> FloodFigure:
    async with contextlib.AsyncExitStack() as stack:
        flood = await stack.enter_async_context(flooding(name, target)) if name else None
        await asyncio.sleep(BEGINS_S)
        noticed, most = pair.notices(), 0
        for _ in range(round(seconds / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            most = max(most, edge.memory_info().rss)
        pair.notices()
        connections, sent = await flood.stop() if flood else (0, 0)
    took = seconds + BEGINS_S
    title = FLOODS[name].title if name else "none"
    moves, beats = noticed.moves.percentiles(), noticed.beats.percentiles()
    return FloodFigure(title, took, moves, beats, noticed.lost, most / 1e6, connections, sent / 1e6)


class Flooding:
    """A process that floods."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def stop(self) -> tuple[int, int]:
        """How many connections it made, and bytes it sent."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout is not None
        connections, sent = (await self._process.stdout.read()).split()
        return int(connections), int(sent)


@contextlib.asynccontextmanager
async def flooding(name: str, target: Target) -> AsyncIterator[Flooding]:
    """Within it the target is flooded."""
    program = [sys.executable, "-m", "tavola.load.bench.floods.flooder", name]
    process = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(target))
        process.stdin.close()
        await process.stdout.readline()
        yield Flooding(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
