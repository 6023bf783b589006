"""The cost of persistence, by game: counted where it is paid, as sums that an actor's beat carries, and read again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from types import MappingProxyType

import msgspec

from tavola.storage.postgres import Database
from tavola.storage.rows import Row

BOUNDS_S = (
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Where the buckets end, the bound included; one more has all that took longer."""
COUNTS = ("rows", "bytes", "replays", "repairs")
TIMES = ("commits", "loads")
NO_GAME = ""
"""Stands where a game does, for events."""
NOW = "?"
"""Stands there for what is as it was at the beat, and no sum (storage/sql/measured.sql)."""
_BUCKETS = (*(f"{bound:g}" for bound in BOUNDS_S), "more")


class Durations:
    """How often something was done, by how long it took (`buckets`), and the microseconds of all of it."""

    __slots__ = ("buckets", "micros")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.micros = 0

    def took(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.micros += int(seconds * 1_000_000)

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def since(self, before: Durations) -> Durations:
        """The part that was added to `before`."""
        more = Durations()
        more.buckets = [now - was for now, was in zip(self.buckets, before.buckets, strict=True)]
        more.micros = self.micros - before.micros
        return more

    def quantile(self, share: float) -> float | None:
        """Seconds within which this share (0.99) was done, as exact as the buckets; None: nothing was."""
        reached = [*accumulate(self.buckets)]
        if not reached[-1]:
            return None
        rank = share * reached[-1]
        place = next(index for index, upto in enumerate(reached) if upto >= rank and self.buckets[index])
        if place == len(BOUNDS_S):
            return BOUNDS_S[-1]
        start = BOUNDS_S[place - 1] if place else 0.0
        inside = (rank - (reached[place] - self.buckets[place])) / self.buckets[place]
        return start + (BOUNDS_S[place] - start) * max(0.0, inside)


class GameMeasures:
    """Of one game: rows of the log and their bytes, rooms replayed from a checkpoint because they could not be read,
    those of them that were repaired by it, commits and loads."""

    __slots__ = (*COUNTS, *TIMES)

    def __init__(self) -> None:
        self.rows = self.bytes = self.replays = self.repairs = 0
        self.commits, self.loads = Durations(), Durations()

    def logged(self, rows: int, size: int) -> None:
        self.rows += rows
        self.bytes += size

    def less_than(self, before: GameMeasures) -> bool:
        """Whether any count is lower than it was: then these do not go on from `before`."""
        fewer = any(getattr(self, name) < getattr(before, name) for name in COUNTS)
        return fewer or self.commits.count < before.commits.count or self.loads.count < before.loads.count

    def sums(self) -> dict[str, int]:
        """Each sum that is not 0, by name."""
        found = {name: getattr(self, name) for name in COUNTS}
        for kind in TIMES:
            times: Durations = getattr(self, kind)
            found[f"{kind} us"] = times.micros
            found |= {f"{kind} {name}": count for name, count in zip(_BUCKETS, times.buckets, strict=True)}
        return {name: value for name, value in found.items() if value}

    def put(self, name: str, value: int) -> None:
        """The sum of that name; one that another release may have is left out."""
        kind, _, of = name.partition(" ")
        if name in COUNTS:
            setattr(self, name, value)
        elif kind in TIMES:
            times: Durations = getattr(self, kind)
            if of == "us":
                times.micros = value
            elif of in _BUCKETS:
                times.buckets[_BUCKETS.index(of)] = value


class Measures(dict[str, GameMeasures]):
    """By game. `events`: of whichever process, how often it logged what, as `part level event`."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, int] = {}

    def __missing__(self, game: str) -> GameMeasures:
        mine = self[game] = GameMeasures()
        return mine

    def text(
        self, events: Mapping[str, int] = MappingProxyType({}), now: Mapping[str, int] = MappingProxyType({})
    ) -> str | None:
        """JSON for `room_actors.measured`, with the actor's events (`level event`), and what waits in it `now`; None
        while there is nothing."""
        sums = {game: mine.sums() for game, mine in self.items()}
        if events:
            sums[NO_GAME] = {f"actor {name}": count for name, count in events.items()}
        if waiting := {name: count for name, count in now.items() if count}:
            sums[NOW] = waiting
        return msgspec.json.encode(sums).decode() if sums else None


def measures_in(rows: Iterable[Row]) -> Measures:
    """From rows of `measured`."""
    found = Measures()
    for row in rows:
        if row["game"] == NO_GAME:
            found.events[row["name"]] = row["value"]
        else:
            found[row["game"]].put(row["name"], row["value"])
    return found


async def measured(database: Database) -> Measures:
    """The sums of the whole deployment. Raises `StorageUnavailable`."""
    return measures_in(await database.rows("measured"))


class ToldEvents:
    """The events of a process that has no beat, such as the steward: what is new of them is added to the totals."""

    def __init__(self, database: Database, part: str, events: Mapping[str, int]) -> None:
        self._database = database
        self._part = part
        self._events = events
        self._told: dict[str, int] = {}

    async def tell(self) -> None:
        """Raises `StorageUnavailable`; then they are told the next time."""
        now = dict(self._events)
        new = {f"{self._part} {name}": count - self._told.get(name, 0) for name, count in now.items()}
        new = {name: count for name, count in new.items() if count}
        if new:
            await self._database.rows("add_measured", game=NO_GAME, sums=msgspec.json.encode(new).decode())
        self._told = now
