"""The reports of processes of players: however much they tell, and that they will tell no more."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading

from tavola.load.checks.verdict import Verdict
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.run.worker_pool import WorkerPool, _PlayerReport

WITHIN_S = 8.0


async def test_more_than_a_pipe_holds_at_once_is_heard_whole() -> None:
    crew = WorkerPool(Scenario(urls=("http://x",), tables=2), 1)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    listening = threading.Thread(target=crew._listen, args=(0, ours, asyncio.get_running_loop()))
    listening.start()
    verdict = Verdict()
    for seq in range(100):
        verdict.violated("order", "r", seq, "bot", "x" * 50_000)
    async with asyncio.timeout(WITHIN_S):
        await asyncio.to_thread(theirs.send, _PlayerReport(Stats(), verdict, ready=True))
        while 0 not in crew._told:
            crew._changed.clear()
            await crew._changed.wait()
        assert len(crew._told[0].verdict.violations) == 100
        theirs.close()
        while 0 not in crew._silent:
            crew._changed.clear()
            await crew._changed.wait()
    await asyncio.to_thread(listening.join)
