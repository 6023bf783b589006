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

from load.api import Api
from load.floods.attacks import FLOODS, Target
from load.floods.honest import Pair, seated
from load.floods.page import Figure
from load.http import Http
from load.stack import own_stack

ELSEWHERE = "127.0.0.2"
"""Where floods come from: another address of this machine than the pair's."""
AS_IT_COMES = {"TAVOLA_CONNECTIONS_PER_ADDRESS": "500"}
LOOK_EVERY_S = 0.2
BEGINS_S, CALMS_S = 1.0, 2.0


async def run(names: Sequence[str], seconds: float, say: Callable[[str], None]) -> list[Figure]:
    """Without a flood first, and last. Raises DidNotStart."""
    say("starting a server of our own …")
    async with own_stack(1, 1, AS_IT_COMES) as (stack, _):
        edge = psutil.Process(stack.roots()["edges"][0])
        async with Http(stack.url) as http:
            token = (await Api(http).sign_in("Mallory")).token
        parts = urlsplit(stack.url)
        target = Target(parts.hostname or "", parts.port or 0, ELSEWHERE, token)
        figures = []
        async with seated(stack.url) as pair, _playing(pair):
            await asyncio.sleep(CALMS_S)
            for name in ("", *names, ""):
                figures.append(await _measure(name, pair, edge, target, seconds))
                say(f"  {figures[-1].title}: moves p99 {figures[-1].moves.p99:.1f} ms")
                await asyncio.sleep(CALMS_S)
        return figures


@contextlib.asynccontextmanager
async def _playing(pair: Pair) -> AsyncIterator[None]:
    task = asyncio.create_task(pair.play())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _measure(name: str, pair: Pair, edge: psutil.Process, target: Target, seconds: float) -> Figure:
    async with contextlib.AsyncExitStack() as stack:
        flooder = await stack.enter_async_context(_flooding(name, target)) if name else None
        await asyncio.sleep(BEGINS_S)
        noticed, most = pair.notices(), 0
        for _ in range(round(seconds / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            most = max(most, edge.memory_info().rss)
        pair.notices()
        connections, sent = await _stop(flooder) if flooder else (0, 0)
    took = seconds + BEGINS_S
    title = FLOODS[name].title if name else "none"
    moves, beats = noticed.moves.percentiles(), noticed.beats.percentiles()
    return Figure(title, took, moves, beats, noticed.lost, most / 1e6, connections, sent / 1e6)


@contextlib.asynccontextmanager
async def _flooding(name: str, target: Target) -> AsyncIterator[Process]:
    flooder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "load.floods.flooder", name, stdin=PIPE, stdout=PIPE
    )
    try:
        assert flooder.stdin is not None
        flooder.stdin.write(msgspec.json.encode(target))
        flooder.stdin.close()
        yield flooder
    finally:
        with contextlib.suppress(ProcessLookupError):
            flooder.kill()
        await flooder.wait()


async def _stop(flooder: Process) -> tuple[int, int]:
    """How many connections it made, and bytes it sent."""
    flooder.send_signal(signal.SIGTERM)
    assert flooder.stdout is not None
    connections, sent = (await flooder.stdout.read()).split()
    return int(connections), int(sent)
