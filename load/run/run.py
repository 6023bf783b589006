"""A run: open the tables, measure while they play, stop, and say what came out."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import psutil

from tavola.client.api import ApiClient
from tavola.load.bots.checked import CheckedBot
from tavola.load.bots.churn import Churn, reconnect_at_rest
from tavola.load.bots.table import BotTable, TableDeps
from tavola.load.checks.verdict import Verdict
from tavola.load.evidence.recorder import Recorder
from tavola.load.measure.memory import Memory, Moment
from tavola.load.measure.outcome import EdgeDrained, EdgeKilled, RunOutcome
from tavola.load.measure.processes import Processes, Usage, read_stack, roots_of
from tavola.load.measure.progress import RunProgress
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.report.report import Report, make_report
from tavola.load.run.edge_drain import drain_edge
from tavola.load.run.edge_kill import kill_edge
from tavola.load.transport.http_client import Http

WARM_UP_S = 1.0
POLL_S = 0.05
READ_EVERY_S = 2.0
"""How often processes are looked at while some of them may be killed, and so how much of one's work may be missed."""


class Run:
    """One run of a scenario. `stop` ends it early; the report is then of what was done until then."""

    def __init__(
        self,
        scenario: Scenario,
        beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
        roots: Callable[[], dict[str, list[int]]] | None = None,
        ready: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """`beside` is done while the tables play; the run goes on until it is done, or `stop`. `roots` names the
        server's processes by kind, where the folder of a stack does not. Nobody plays before `ready` has returned."""
        self.scenario = scenario
        self.recorders: dict[str, Recorder] = {}
        self.faults: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """How many were done and how many are planned, for whoever watches."""
        self._beside = beside
        self._roots = roots
        self._ready = ready
        self._chance = Random(f"{scenario.seed}/run")
        self.stats = Stats()
        self.verdict = Verdict()
        self.tables: list[BotTable] = []
        self._stopped = asyncio.Event()
        self._usage: dict[str, Usage] = {}
        self._seconds = 0.0
        self._frames = 0
        self._opening_s = 0.0
        self._memory: Memory = {}
        self._edge_killed: EdgeKilled | None = None
        self._edge_drained: EdgeDrained | None = None

    def stop(self) -> None:
        self._stopped.set()

    def drop(self, share: float) -> int:
        """Cuts the connections of a share of the bots, drawn at random; how many those are."""
        bots = [bot for table in self.tables for bot in table.bots]
        dropped = self._chance.sample(bots, round(share * len(bots)))
        for bot in dropped:
            bot.client.drop()
        return len(dropped)

    def resent(self) -> int:
        """Commands that were sent again so far."""
        rooms = (bot.room for table in self.tables for bot in table.bots)
        return sum(room.resent for room in rooms if room is not None)

    def heard(self, room: str, message: bytes) -> None:
        """Something was on a room's channel: it goes to the room's record, if there is one."""
        if (recorder := self.recorders.get(room)) is not None:
            recorder.heard(message)

    async def run(self) -> Report:
        """Plays and shows how far it is. Raises RequestRefused or OSError when a table cannot be opened."""
        shown = RunProgress(self.stats, self.verdict, self.scenario.tables, self.resent, lambda: self.faults())
        progress = asyncio.create_task(shown.run())
        try:
            return make_report(self.scenario, await self.play())
        finally:
            progress.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await progress

    async def play(self) -> RunOutcome:
        """Raises RequestRefused or OSError when a table cannot be opened."""
        scenario = self.scenario
        processes = Processes(self._roots or (lambda: roots_of(scenario.data_dir, scenario.urls)))
        async with AsyncExitStack() as doors, asyncio.TaskGroup() as tasks:
            doors.enter_context(_collecting_rarely())
            apis = [ApiClient(await doors.enter_async_context(Http(url))) for url in scenario.urls]
            house = TableDeps(scenario, apis, self.stats, self.verdict, tasks, self.recorders)
            self._look_at_memory(processes, "empty")
            try:
                await self._until_stopped(self._open(house))
                self._look_at_memory(processes, "at rest")
                await self._until_stopped(self._reconnect_at_rest())
                if self._ready is not None:
                    await self._ready()
                gc.collect()
                gc.freeze()  # what lives until the end anyway need not be looked through again and again
                for table in self.tables:
                    table.play()
                await self._until_stopped(asyncio.sleep(WARM_UP_S))
                churning = tasks.create_task(Churn(self.tables, scenario.churn, scenario.seed).run())
                besides = self._end_an_edge if self._edge_ends else self._beside
                beside = tasks.create_task(besides()) if besides is not None else None
                await self._measure(processes)
                churning.cancel()
                if beside is not None:
                    await self._until_stopped(_done(beside))
                    beside.cancel()
                    await asyncio.wait((beside,))
                await self._finish()
            finally:
                for table in self.tables:
                    await table.close()
        sockets = sum(bot.room is not None for table in self.tables for bot in table.bots)
        return RunOutcome(
            self.stats, self.verdict, self._usage, self._seconds, sockets, self._frames, self.resent(),
            self._opening_s, self._memory, self._edge_killed, self._edge_drained,
        )  # fmt: skip

    async def _open(self, house: TableDeps) -> None:
        turns = asyncio.Semaphore(self.scenario.opened_at_once)
        began = time.perf_counter()

        async def open_one(number: int) -> None:
            await asyncio.sleep(self.scenario.ramp_s * number / self.scenario.tables)
            async with turns:
                table = BotTable(house, self.scenario.first + number)
                self.tables.append(table)
                await table.open()
                self.stats.tables_up += 1

        async with asyncio.TaskGroup() as opening:
            for number in range(self.scenario.tables):
                opening.create_task(open_one(number))
        self._opening_s = time.perf_counter() - began

    def _look_at_memory(self, processes: Processes, moment: Moment) -> None:
        self._memory[moment] = processes.held()

    @property
    def _edge_ends(self) -> bool:
        return self.scenario.kill_edge or self.scenario.drain_edge

    async def _end_an_edge(self) -> None:
        """The last of the edges, when a third of the run is over."""
        scenario = self.scenario
        await asyncio.sleep((scenario.seconds or 0.0) / 3)
        stack = read_stack(scenario.data_dir) if scenario.data_dir is not None else None
        assert stack is not None
        number = len(scenario.urls) - 1
        edge = psutil.Process(stack.roots()["edges"][number])
        clients = [bot.client for table in self.tables for bot in table.bots]
        if scenario.kill_edge:
            self._edge_killed = await kill_edge(edge, scenario.urls[number], clients)
        else:
            self._edge_drained = await drain_edge(edge, scenario.urls[number], clients)

    async def _reconnect_at_rest(self) -> None:
        for kind, whole in (("reconnect", False), ("refresh", True)):
            if kind in self.scenario.churn:
                await reconnect_at_rest(self.tables, whole)

    async def _measure(self, processes: Processes) -> None:
        before = self._frames_so_far()
        processes.start()
        started = read = time.perf_counter()
        some_end = self._beside is not None or self._edge_ends
        self.stats.measuring = not self._stopped.is_set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.scenario.seconds):
                while not self._stopped.is_set() and not all(table.idle for table in self.tables):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await self._stopped.wait()
                    if some_end and time.perf_counter() - read >= READ_EVERY_S:
                        processes.read()
                        read = time.perf_counter()
        self.stats.measuring = False
        self._seconds = time.perf_counter() - started
        self.stats.timeline.close()
        self._usage = processes.usage()
        self._look_at_memory(processes, "played")
        self._frames = self._frames_so_far() - before

    async def _finish(self) -> None:
        """Nobody acts any more: every command must find its answer, and every view must be right; then all leave."""
        for table in self.tables:
            table.idle = True
        waiting = [(bot, bot.room) for table in self.tables for bot in table.bots if bot.room is not None]
        within_s = self.scenario.answers_within_s
        for _ in range(int(within_s / POLL_S)):
            if not any(room.unanswered for _, room in waiting):
                break
            await asyncio.sleep(POLL_S)
        for bot, room in waiting:
            self.verdict.made["answers"] += bot.client.commands_sent - len(room.unanswered)
            for command in room.unanswered.values():
                message = f"expected an answer within {within_s:g} s to {command.data.decode()}"
                self.verdict.violated("answers", room.id, room.seq, bot.client.identity.display_name, message)
        checked = [bot for bot, _ in waiting if isinstance(bot, CheckedBot)]
        await asyncio.gather(*(bot.compare_now() for bot in checked))
        await asyncio.gather(*(table.last_views() for table in self.tables))
        for bot in checked:
            bot.stop_judging()
        if not self.scenario.abandoned:
            await asyncio.gather(*(table.leave() for table in self.tables))

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work`, or as much of it as is done when the run is stopped."""
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not working.done():
                working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    def _frames_so_far(self) -> int:
        return sum(bot.client.frames for table in self.tables for bot in table.bots)


@contextlib.contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Thousands of players that stay are not looked through for garbage again and again."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def _done(task: asyncio.Task[None]) -> None:
    """As long as a task goes on; cancelled, it lets it go on."""
    await asyncio.wait((task,))
