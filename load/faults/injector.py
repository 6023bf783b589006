"""When what is broken: at a rate, at random moments and in random order, both drawn from a seed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from random import Random

import msgspec
import redis.exceptions

from tavola.load.faults.found import CannotBreak
from tavola.load.faults.kinds import KINDS, FaultDone
from tavola.load.faults.targets import Site

AT_ONCE = 3
"""Faults that may overlap; who has to wait is late, and nothing is left out for it."""
ALONE = {"postgres-restart": "postgres", "postgres-crash": "postgres", "redis-restart": "redis"}
"""Kinds that stop and start a server: of these one at a time, for each server."""


class UnknownFault(ValueError):
    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind!r} is no fault; there are {', '.join(KINDS)}")


class TooShort(CannotBreak):
    """A run in which some kind would never come: it could prove nothing of it."""

    def __init__(self, moments: int, kinds: int) -> None:
        super().__init__(
            f"too short for {kinds} kinds of faults: there would be {moments}; let it last longer, or break more"
        )


class Injected(msgspec.Struct):
    """A fault as it was done, from `at` until `until` (seconds since the epoch). `bit` is what shows that it hurt,
    empty when nothing does; `waited_s`, how long a table that it concerned waited for its next accepted move, at
    most."""

    kind: str
    at: float
    until: float
    what: str
    rooms: dict[str, int] = {}
    hurt: int | None = None
    url: str = ""
    bit: str = ""
    waited_s: float | None = None


def parse(text: str) -> dict[str, float]:
    """`all`, or `actor-kill,net-delay=3`: kind → its share. Raises ValueError."""
    if text.strip() == "all":
        return {kind: share for kind, (_, share) in KINDS.items()}
    shares: dict[str, float] = {}
    for word in filter(None, text.split(",")):
        kind, given, share = word.strip().partition("=")
        if kind not in KINDS:
            raise UnknownFault(kind)
        shares[kind] = float(share) if given else KINDS[kind][1]
        if shares[kind] <= 0:
            raise ValueError(f"{word!r}: a share must be more than nothing")
    return shares


def plan(
    shares: dict[str, float], rate: float, seconds: float, seed: int, count: int | None = None
) -> list[tuple[float, str]]:
    """The faults to make and their moments, in seconds from the start: `rate` a minute, `count` of them at most.
    Every kind comes at least once. Raises TooShort when there are fewer moments than kinds."""
    if not shares:
        return []
    chance = Random(f"{seed}/faults")
    moments: list[float] = []
    at = chance.expovariate(rate / 60)
    while at < seconds and (count is None or len(moments) < count):
        moments.append(at)
        at += chance.expovariate(rate / 60)
    if len(moments) < len(shares):
        raise TooShort(len(moments), len(shares))
    drawn = list(shares)
    chance.shuffle(drawn)
    drawn += chance.choices(list(shares), list(shares.values()), k=len(moments) - len(drawn))
    chance.shuffle(drawn)
    return list(zip(moments, drawn, strict=True))


class Injector:
    """Does what was planned. `done` is what was done, `left_out` what could not be for want of something to break."""

    def __init__(self, site: Site, planned: list[tuple[float, str]], seed: int) -> None:
        self._site = site
        self._planned = planned
        self._chance = Random(f"{seed}/victims")
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._alone = {server: asyncio.Lock() for server in ALONE.values()}
        self.done: list[Injected] = []
        self.left_out: Counter[str] = Counter()

    async def run(self) -> None:
        """On return everything that was planned has been done. Cancelled, what is under way is ended first."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for at, kind in self._planned:
                await asyncio.sleep(began + at - asyncio.get_running_loop().time())
                await self._turns.acquire()
                task = tasks.create_task(self._do(kind))
                task.add_done_callback(lambda _: self._turns.release())

    async def _do(self, kind: str) -> None:
        if kind in ALONE:
            async with self._alone[ALONE[kind]]:
                await self._break(kind)
        else:
            await self._break(kind)

    async def _break(self, kind: str) -> None:
        act, _ = KINDS[kind]
        at = time.time()
        done: FaultDone | None
        try:
            done = await act(self._site, self._chance)
        except (ProcessLookupError, redis.exceptions.ConnectionError):
            done = None  # another fault was there first
        if done is None:
            self.left_out[kind] += 1
        else:
            self.done.append(Injected(kind, at, time.time(), done.what, done.rooms, done.hurt, done.url))
