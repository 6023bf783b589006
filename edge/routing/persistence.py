"""The cost of persistence to the whole deployment, by game: read now and then, and remembered for some minutes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from tavola.edge.common.metrics import GamePersistence, TimesTold
from tavola.storage.measures import BOUNDS_S, Durations, GameMeasures, Measures, measured
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

LOOK_S = 5.0
SPAN = 2
"""Looks that a pace is taken over. Actors beat every two seconds, so over a single one it would waver."""
KEPT = 60 + SPAN
"""Looks that are remembered: five minutes of paces."""


class Look(NamedTuple):
    """The sums that were found at `at` (ms since the epoch)."""

    at: int
    found: Measures


class PersistencePace(NamedTuple):
    """How much was done a second, and how long it took (`Durations`), in the `SPAN` looks up to `at` (ms)."""

    at: int
    rows: float
    bytes: float
    commits: Durations
    loads: Durations


class PersistenceWatch:
    """`now` gives milliseconds since the epoch."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now
        self._looks: deque[Look] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Look until cancelled. While Postgres is away nothing is told anew."""
        while True:
            try:
                await self.look()
            except StorageUnavailable as error:
                log.info("persistence.not_read", reason=str(error))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Raises `StorageUnavailable`."""
        found = await measured(self._database)
        if any(found[game].less_than(was) for game, was in self.sums.items()):
            self._looks.clear()  # The database has gone back: nothing of this is to be compared.
        self._looks.append(Look(self._now(), found))

    @property
    def sums(self) -> Measures:
        """As they were read last."""
        return self._looks[-1].found if self._looks else Measures()

    @property
    def events(self) -> dict[str, int]:
        """Of all room actors and stewards, how often they logged what, as `part level event`."""
        return self.sums.events

    def told(self) -> list[GamePersistence]:
        """The sums, for the metrics."""
        return [
            GamePersistence(game, of.rows, of.bytes, of.replays, of.repairs, _told(of.commits), _told(of.loads))
            for game, of in sorted(self.sums.items())
        ]

    def paces(self, game: str) -> list[PersistencePace]:
        """Of this game, the oldest first."""
        looks = [*self._looks]
        return [_pace(one, other, game) for one, other in zip(looks, looks[SPAN:], strict=False)]


def _pace(one: Look, other: Look, game: str) -> PersistencePace:
    before, after = one.found.get(game, GameMeasures()), other.found.get(game, GameMeasures())
    seconds = max(other.at - one.at, 1) / 1000
    rows, size = (after.rows - before.rows) / seconds, (after.bytes - before.bytes) / seconds
    return PersistencePace(other.at, rows, size, after.commits.since(before.commits), after.loads.since(before.loads))


def _told(times: Durations) -> TimesTold:
    return TimesTold(BOUNDS_S, times.buckets, times.micros / 1_000_000)
