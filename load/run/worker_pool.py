"""A run by several processes, when one cannot make enough players: each takes its share of the tables, all measure at
the same time, and what they came to is added up."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Literal

import msgspec
import uvloop

from tavola.load.checks.verdict import Verdict
from tavola.load.measure.memory import Memory, add_memory
from tavola.load.measure.outcome import RunOutcome, add_verdict
from tavola.load.measure.processes import Processes, roots_of
from tavola.load.measure.progress import RunProgress
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.report.report import Report, make_report
from tavola.load.run.run import Run

TOLD_EVERY_S = 1.0
LEAVE_WITHIN_S = 10.0
Word = Literal["go", "stop"]


class Lost(Exception):
    """A process of players ended before it had told what it came to."""

    def __init__(self, number: int, code: int | None) -> None:
        super().__init__(f"process {number} of players ended with exit code {code}")


class _PlayerReport(msgspec.Struct):
    """From a player process: how far it is. `outcome` comes last; `problem` instead of it when it could not be done."""

    stats: Stats
    verdict: Verdict
    ready: bool = False
    measured: bool = False
    resent: int = 0
    outcome: RunOutcome | None = None
    problem: str = ""


class CannotPlay(Exception):
    """Why a process of players could not do its part."""


class WorkerPool:
    """As `Run`, by `count` processes."""

    def __init__(self, scenario: Scenario, count: int) -> None:
        self._scenario = scenario
        self._shares = shares(scenario, count)
        self._pipes: list[Connection] = []
        self._told: dict[int, _PlayerReport] = {}
        self._silent: set[int] = set()
        """Those that will say no more."""
        self._changed = asyncio.Event()
        self.stats, self.verdict = Stats(), Verdict()

    def stop(self) -> None:
        self._say("stop")

    async def run(self) -> Report:
        """Raises Lost or CannotPlay."""
        scenario = self._scenario
        servers = Processes(lambda: roots_of(scenario.data_dir, scenario.urls))
        memory: Memory = {"empty": servers.held()}
        players = [self._start(number, share) for number, share in enumerate(self._shares)]
        shown = RunProgress(self.stats, self.verdict, scenario.tables, self._resent)
        progress = asyncio.create_task(shown.run())
        try:
            await self._until(lambda told: told.ready, players)
            memory["at rest"] = servers.held()
            self._say("go")
            await self._until(lambda told: told.stats.measuring or told.measured, players)
            servers.start()
            began = time.perf_counter()
            await self._until(lambda told: told.measured, players)
            usage, took_s = servers.usage(), time.perf_counter() - began
            memory["played"] = servers.held()
            await self._until(lambda told: told.outcome is not None, players)
        finally:
            progress.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await progress
            await asyncio.to_thread(_end, players)
        total = RunOutcome(Stats(), Verdict(), {}, 0.0, 0, 0, 0)
        for told in self._told.values():
            assert told.outcome is not None
            total.add(told.outcome)
        usage.pop("clients", None)
        for used in usage.values():
            # They say now and then how far they are: what we saw is not the same time to the second.
            used.cpu_s *= total.seconds / took_s
        total.usage |= usage
        for held in memory.values():
            held.pop("clients", None)
        add_memory(total.memory, memory)
        return make_report(scenario, total)

    def _start(self, number: int, share: Scenario) -> SpawnProcess:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=play, args=(share, theirs), daemon=True)
        process.start()
        theirs.close()
        self._pipes.append(ours)
        threading.Thread(target=self._listen, args=(number, ours, asyncio.get_running_loop()), daemon=True).start()
        return process

    def _listen(self, number: int, pipe: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread of its own: what a process tells may come in pieces, and is waited for."""
        with contextlib.suppress(EOFError, OSError, RuntimeError):  # it has ended, or our loop has
            while True:
                loop.call_soon_threadsafe(self._hear, number, pipe.recv())
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._lose, number)

    def _lose(self, number: int) -> None:
        self._silent.add(number)
        self._changed.set()

    def _hear(self, number: int, told: _PlayerReport) -> None:
        self._told[number] = told
        self._sum()
        self._changed.set()

    def _sum(self) -> None:
        """Adds up what the progress line shows."""
        stats, verdict = Stats(), Verdict()
        for told in self._told.values():
            stats.add(told.stats)
            add_verdict(verdict, told.verdict)
        self.stats.become(stats)
        self.verdict.made, self.verdict.failed = verdict.made, verdict.failed

    def _resent(self) -> int:
        return sum(told.resent for told in self._told.values())

    async def _until(self, holds: Callable[[_PlayerReport], bool], players: list[SpawnProcess]) -> None:
        while True:
            self._changed.clear()
            for number, player in enumerate(players):
                told = self._told.get(number)
                if told is not None and told.problem:
                    raise CannotPlay(told.problem)
                if number in self._silent and (told is None or told.outcome is None):
                    player.join(LEAVE_WITHIN_S)
                    raise Lost(number, player.exitcode)
            if len(self._told) == len(players) and all(map(holds, self._told.values())):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TOLD_EVERY_S):
                    await self._changed.wait()

    def _say(self, word: Word) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(word)


def shares(scenario: Scenario, count: int) -> list[Scenario]:
    """The scenario's tables dealt out to `count` processes, or to as many as there are tables."""
    count = min(count, scenario.tables)
    parts = []
    first = scenario.first
    for number in range(count):
        tables = scenario.tables // count + (number < scenario.tables % count)
        parts.append(msgspec.structs.replace(scenario, tables=tables, first=first))
        first += tables
    return parts


def play(scenario: Scenario, pipe: Connection) -> None:
    """In a process of its own: a share of the tables. Ctrl-C is for the one who started us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(_play(scenario, pipe))


async def _play(scenario: Scenario, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    go, opened = asyncio.Event(), asyncio.Event()

    async def ready() -> None:
        opened.set()
        tell()
        await go.wait()

    def tell(*, outcome: RunOutcome | None = None, problem: str = "") -> None:
        measured = go.is_set() and run.stats.actions > 0 and not run.stats.measuring
        measured = measured or outcome is not None
        told = _PlayerReport(run.stats, run.verdict, opened.is_set(), measured, run.resent(), outcome, problem)
        with contextlib.suppress(OSError):  # whoever started us is gone, and so shall we be
            pipe.send(told)

    run = Run(scenario, ready=ready, roots=dict)

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                loop.call_soon_threadsafe({"go": go.set, "stop": stop}[pipe.recv()])

    def stop() -> None:
        go.set()
        run.stop()

    async def tell_now_and_then() -> None:
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            tell()

    threading.Thread(target=listen, daemon=True).start()
    telling = asyncio.create_task(tell_now_and_then())
    try:
        outcome = await run.play()
    except Exception as error:
        tell(problem=_first(error))
        return
    finally:
        telling.cancel()
    tell(outcome=outcome)


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _end(players: list[SpawnProcess]) -> None:
    for player in players:
        player.join(LEAVE_WITHIN_S)
        if player.is_alive():
            player.kill()
            player.join()
