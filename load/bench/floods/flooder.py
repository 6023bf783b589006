"""`python -m tavola.load.bench.floods.flooder NAME`: floods until it is told to stop (SIGTERM), and says what it did.

It says when it has begun. The target comes as JSON on standard input: a token does not belong on a command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import msgspec
import uvloop

from tavola.load.bench.floods.attacks import FLOODS, Flood, Target, Traffic, line


async def _again_and_again(flood: Flood, target: Target, sent: Traffic) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with line(target, sent) as opened:
                await flood.attack(opened, target)
                continue
        await asyncio.sleep(0.01)


async def _flood(flood: Flood, target: Target) -> Traffic:
    sent, stopped, loop = Traffic(), asyncio.Event(), asyncio.get_running_loop()
    # A stream whose connection is reset while it is drained leaves a second error that nobody waits for.
    loop.set_exception_handler(lambda loop, context: None)
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    tasks = [asyncio.create_task(_again_and_again(flood, target, sent)) for _ in range(flood.at_once)]
    await sent.begun.wait()
    print("begun", flush=True)
    await stopped.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return sent


if __name__ == "__main__":
    sent = uvloop.run(_flood(FLOODS[sys.argv[1]], msgspec.json.decode(sys.stdin.buffer.read(), type=Target)))
    print(sent.connections, sent.bytes)
