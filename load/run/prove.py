"""A run with a verdict: tables play on a stack of the run's own, things are broken meanwhile, and all is judged."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from tavola.load.evidence.evidence import RecordedRoom, Replay, Text
from tavola.load.evidence.recorder import SUFFIX, read
from tavola.load.evidence.tap import Tap
from tavola.load.evidence.truth import Truth
from tavola.load.faults import effects
from tavola.load.faults.found import CannotBreak, FoundServers
from tavola.load.faults.injector import Injected, Injector, plan
from tavola.load.faults.kinds import ON_THE_WIRE
from tavola.load.faults.servers import own_servers
from tavola.load.faults.targets import Servers, Site
from tavola.load.measure.processes import roots_of
from tavola.load.measure.progress import Judging
from tavola.load.measure.sampler import Sampler
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import percentiles
from tavola.load.proof import once
from tavola.load.proof.checker import Looked, check_room, check_texts, looked_at
from tavola.load.proof.findings import Finding
from tavola.load.proof.recovery import Pulse, back_after_s, felt_for_s, pulse
from tavola.load.proof.secrecy import Mark, marks
from tavola.load.report.proof import Proof, Recovery
from tavola.load.run.days import ShortDays
from tavola.load.run.run import Run
from tavola.load.run.stack import own_stack
from tavola.stack.processes import PYTHON

QUIET_S = 3.0
"""At the end of a run nothing is broken any more, so that what was is seen to recover."""
REPLAYS_AT_ONCE = 2
REPLAY_S = 120.0


class Faults(msgspec.Struct, frozen=True):
    """The faults to make: kind → share, so many a minute; `count` of them, then the run ends; else as long as it
    lasts."""

    shares: dict[str, float]
    rate: float
    count: int | None = None


class Breaker(Protocol):
    """Breaks things while a run lasts. `done` is what it did, `left_out` what could not be done."""

    done: list[Injected]
    left_out: Counter[str]

    async def run(self) -> None: ...


class Grounds(Protocol):
    """The place of a run. `environment` is with what `tavola room verify` finds its database."""

    @property
    def servers(self) -> Servers: ...

    @property
    def environment(self) -> Mapping[str, str]: ...

    def roots(self) -> dict[str, list[int]]:
        """The servers' processes, by kind."""

    def texts(self) -> list[Text]:
        """The servers' logs."""

    def breaker(self, truth: Truth, run: Run) -> tuple[Breaker, int]:
        """Somebody to break things there while `run` lasts, and how many they plan."""


class StackGrounds:
    """A stack on this machine, `tavola dev` on `data_dir`."""

    def __init__(
        self, data_dir: Path, servers: Servers, urls: Sequence[str], planned: list[tuple[float, str]], seed: int
    ) -> None:
        self.servers = servers
        self.environment = {"TAVOLA_DATA_DIR": str(data_dir)}
        self._data_dir = data_dir
        self._urls = urls
        self._planned = planned
        self._seed = seed

    def roots(self) -> dict[str, list[int]]:
        return {**roots_of(self._data_dir, self._urls), **self.servers.pids()}

    def texts(self) -> list[Text]:
        return effects.logs_of(self._data_dir)

    def breaker(self, truth: Truth, run: Run) -> tuple[Breaker, int]:
        site = Site(self._data_dir, self.servers, truth, run.drop)
        return Injector(site, self._planned, self._seed), len(self._planned)


class Prover:
    """One such run. `stop` ends it early; the verdict is then over what was done until then."""

    def __init__(
        self,
        scenario: Scenario,
        faults: Faults,
        *,
        edges: int,
        rooms_per_actor: int,
        day_s: float | None = None,
        environment: dict[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """With `day_s` the days of a stack of our own are so short, and retention takes the log's away meanwhile."""
        self._scenario = scenario
        self._faults = faults
        self._edges = edges
        self._rooms_per_actor = rooms_per_actor
        self._day_s = day_s
        self._environment = environment or {}
        self._say = say
        self._run: Run | None = None
        self._breaker: Breaker | None = None

    def stop(self) -> None:
        if self._run is not None:
            self._run.stop()

    async def run(self) -> Proof:
        """Raises what starting a stack or opening a table raises, and CannotBreak."""
        planned = self._plan()
        folder = Path(tempfile.mkdtemp(prefix="tavola-proof-"))
        os.chmod(folder, 0o711)
        try:
            if self._scenario.urls:
                return await self._prove_found(planned, folder / "evidence")
            self._say("starting Postgres, Redis and a stack of our own …")
            days = ShortDays(folder / "days", self._day_s) if self._day_s is not None else None
            async with own_servers(folder / "servers") as servers:
                environment = {"TAVOLA_SPARES": "2", **servers.environment, **self._environment}
                environment |= days.environment if days is not None else {}
                async with own_stack(self._edges, self._rooms_per_actor, environment) as (stack, data_dir):
                    urls = tuple(stack.urls)
                    scenario = msgspec.structs.replace(
                        self._scenario, urls=urls, data_dir=data_dir, record=folder / "evidence"
                    )
                    grounds = StackGrounds(data_dir, servers, urls, planned, scenario.seed)
                    return await self._prove(grounds, scenario, days)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _plan(self) -> list[tuple[float, str]]:
        faults, seconds = self._faults, self._scenario.seconds
        within_s = seconds - QUIET_S if seconds is not None else float("inf")
        return plan(faults.shares, faults.rate, within_s, self._scenario.seed, faults.count)

    async def _prove_found(self, planned: list[tuple[float, str]], record: Path) -> Proof:
        """On a stack that runs already. Raises CannotBreak."""
        scenario = msgspec.structs.replace(self._scenario, record=record)
        assert scenario.data_dir is not None
        if impossible := self._faults.shares.keys() & ON_THE_WIRE:
            raise CannotBreak(f"{', '.join(sorted(impossible))} can be done to a server of our own alone")
        servers = FoundServers(scenario.data_dir)
        grounds = StackGrounds(scenario.data_dir, servers, scenario.urls, planned, scenario.seed)
        return await self._prove(grounds, scenario)

    async def prove_there(self, grounds: Grounds, record: Path) -> Proof:
        """On grounds that somebody else has made and breaks. Raises what opening a table raises."""
        return await self._prove(grounds, msgspec.structs.replace(self._scenario, record=record))

    async def _prove(self, grounds: Grounds, scenario: Scenario, days: ShortDays | None = None) -> Proof:
        servers = grounds.servers
        truth = Truth(servers.database_url)
        run = self._run = Run(scenario, self._break, grounds.roots)
        injector, planned = self._breaker, _ = grounds.breaker(truth, run)
        run.faults = lambda: (len(injector.done) + injector.left_out.total(), planned)
        tap = Tap(servers.redis_url, servers.secret, run.heard)
        sampler = Sampler(grounds.roots)
        works = [tap.run(), sampler.run()]
        noting = Truth(servers.database_url)
        if days is not None:
            works.append(days.run(noting))
        beside = [asyncio.create_task(work) for work in works]
        began = time.time()
        try:
            await tap.listening.wait()
            report = await run.run()
        finally:
            ended = time.time()
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            noting.close()
        self._say("judging …")
        assert scenario.record is not None
        found, looked, pulses, known = await self._judge(scenario.record, truth, grounds.environment, days)
        found += [
            Finding("P5", room, 0, f"{count} messages on the channel were not sealed")
            for room, count in tap.unsealed.items()
        ]
        truth.close()
        texts = grounds.texts()
        found += await asyncio.to_thread(check_texts, texts, servers.secrets, known)
        if not looked.times_judged:
            self._say("P1's times cannot be judged: Postgres keeps no times of commits here")
        looked.log_bytes = sum(len(text.text) for text in texts)
        log = effects.events(texts)
        lost = [effects.LogEvent(at, "client.lost", {"url": url}) for at, url in run.stats.losses]
        effects.judge(injector.done, [*log, *lost])
        counts = Counter(finding.promise for finding in found)
        why = [f"{count} times {promise} was not kept" for promise, count in sorted(counts.items())]
        why += report.why
        why += effects.did_nothing(injector.done, self._faults.shares)
        timed, slept = servers.database is not None, "sleep" in scenario.churn
        why += no_evidence(looked, timed=timed, slept=slept, shortened=days is not None)
        return Proof(
            passed=not why,
            why=why,
            promises={f"P{number}": counts[f"P{number}"] for number in range(1, 9)},
            findings=found,
            looked=looked,
            faults=sorted(injector.done, key=lambda fault: fault.at),
            left_out=dict(injector.left_out),
            recovery=_recovery(injector.done, pulses),
            consequences=dict(sorted(effects.counts(log).items())),
            samples=sampler.samples,
            tables={table.room: table.number for table in run.tables},
            began=began,
            ended=ended,
            report=report,
        )

    async def _break(self) -> None:
        """Until all is broken that was planned, and then the run ends, if it was to be so many faults."""
        assert self._breaker is not None
        await self._breaker.run()
        if self._faults.count is not None and self._run is not None:
            await asyncio.sleep(QUIET_S)
            self._run.stop()

    async def _judge(
        self, record: Path, truth: Truth, environment: Mapping[str, str], days: ShortDays | None
    ) -> tuple[list[Finding], Looked, dict[str, Pulse], dict[bytes, Mark]]:
        """Room by room: what was recorded, what the log has, what replaying it gives; and what no text may hold."""
        turns = asyncio.Semaphore(REPLAYS_AT_ONCE)
        environment = {**os.environ, **environment}
        found: list[Finding] = []
        looked = Looked()
        pulses: dict[str, Pulse] = {}
        known: dict[bytes, Mark] = {}

        async def judge(path: Path) -> None:
            async with turns:
                room = await asyncio.to_thread(read, path)
                await truth.complete(room)
                if days is not None:
                    await days.taken.add_to(room)
                room.replay = await replay(room.id, environment)
                found.extend(await asyncio.to_thread(check_room, room))
                looked.add(looked_at(room))
                known.update(await asyncio.to_thread(marks, room))
                pulses[room.id] = await asyncio.to_thread(_pulse, room)
                judging.judged += 1

        paths = await asyncio.to_thread(lambda: sorted(record.glob(f"*{SUFFIX}")))
        judging = Judging(len(paths))
        showing = asyncio.create_task(judging.run())
        try:
            async with asyncio.TaskGroup() as tasks:
                for path in paths:
                    tasks.create_task(judge(path))
        finally:
            showing.cancel()
            await asyncio.wait((showing,))
        looked.days = len(days.taken.days) if days is not None else 0
        return found, looked, pulses, known


async def replay(room: str, environment: dict[str, str]) -> Replay:
    """The result of the operator's own command that replays a room's log."""
    process = await asyncio.create_subprocess_exec(
        *(*PYTHON, "-m", "tavola", "room", "verify", room, "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(REPLAY_S):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Replay(0, f"not done within {REPLAY_S:.0f} s")
    try:
        return msgspec.json.decode(out, type=Replay)
    except msgspec.DecodeError:
        return Replay(0, errors.decode("utf-8", "replace").strip()[-200:] or "it said nothing")


def _pulse(room: RecordedRoom) -> Pulse:
    return pulse(room, once.commands(room).values())


def no_evidence(looked: Looked, *, timed: bool, slept: bool, shortened: bool = False) -> list[str]:
    """Why a verdict would be over nothing. `timed`: the database was told to keep the times of commits. `slept`:
    players were to let turns run out. `shortened`: retention was to take days of the log."""
    counted = {"rooms": looked.rooms, "frames": looked.frames, "messages on the channels": looked.messages}
    counted |= {"updates": looked.updates, "updates replayed": looked.replayed}
    counted |= {"commit times": looked.commit_times} if timed else {}
    counted |= {"automatic actions": looked.automatic} if slept else {}
    counted |= {"updates that retention took": looked.archived} if shortened else {}
    return [f"there were no {what} to judge" for what, count in counted.items() if not count]


def _recovery(faults: list[Injected], pulses: dict[str, Pulse]) -> list[Recovery]:
    found = []
    for kind in sorted({fault.kind for fault in faults}):
        moves: list[float] = []
        back: list[float] = []
        same = [fault for fault in faults if fault.kind == kind]
        for fault in same:
            concerned = [pulses[room] for room in fault.rooms or pulses if room in pulses]
            felt = [seconds for beat in concerned if (seconds := felt_for_s(beat, fault.at)) is not None]
            fault.waited_s = max(felt, default=None)
            moves += felt
            for beat in concerned:
                back += back_after_s(beat, fault.at, fault.until + 0.5)
        bitten = sum(bool(fault.bit) for fault in same)
        found.append(Recovery(kind, len(same), bitten, percentiles(moves), percentiles(back)))
    return found
