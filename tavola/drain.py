"""`tavola drain`: the rooms of an actor or a node, or the sockets of an edge, go elsewhere, and it ends. Writes to the
database: the steward moves the rooms, and the edge lets its sockets go by itself."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any, NamedTuple

import typer

from tavola.config.clock import now_ms
from tavola.config.failures import Failure
from tavola.config.keys import Purpose
from tavola.config.settings import Settings
from tavola.rooms import worked
from tavola.storage.online import OnlineReader
from tavola.storage.postgres import Database
from tavola.storage.sealing import Opener

LOOK_S = 0.3
ORDERED_MS = 3_600_000
"""So long an order to end is kept for an edge."""
STILL_S = 15.0
"""After how long without progress it is said what may be the reason."""
BY = "tavola drain"
"""The operator by whom the order is, as it is listed."""


class NoSuchPart(Failure):
    """Nothing has that name."""

    exit_code = 2


class TurnedBack(Failure):
    """Somebody has undone the drain while it was waited for."""

    exit_code = 3


class Part(StrEnum):
    ACTOR = "actor"
    NODE = "node"
    EDGE = "edge"


class StillThere(NamedTuple):
    """All that has not gone yet. `text` says it; `done`: there is nothing."""

    text: str
    done: bool


def run(name: str, *, undo: bool, wait: bool, within_s: float | None) -> None:
    """Raises `Failure`."""
    worked(lambda database, settings: _drained(database, settings, name, undo, wait, within_s))


async def _drained(
    database: Database, settings: Settings, name: str, undo: bool, wait: bool, within_s: float | None
) -> None:
    online = OnlineReader(settings.redis_url, Opener(settings.secrets.keys(Purpose.REDIS)))
    try:
        drain = Drain(database, online, name, await _part(database, online, name))
        if undo:
            await drain.turn_back()
            typer.echo(f"{drain.part} {name} is drained no more")
            return
        await drain.begin()
        if wait:
            await _until_done(drain, within_s)
        else:
            typer.echo(f"{drain.part} {name} is being drained: {(await drain.left()).text}")
    finally:
        await online.close()


async def _part(database: Database, online: OnlineReader, name: str) -> Part:
    known = await database.row("known_machine", named=name)
    assert known is not None
    if known["actor"]:
        return Part.ACTOR
    if known["node"]:
        return Part.NODE
    counts = await online.counts()
    if (counts is not None and name in counts.sockets) or await _ordered(database, name):
        return Part.EDGE
    away = "; Redis does not answer, so it is not known which edges there are" if counts is None else ""
    raise NoSuchPart(f"there is no actor, node or edge {name!r}; /admin shows them{away}")


async def _ordered(database: Database, edge: str) -> bool:
    rows = await database.rows("orders", at=now_ms(), known="")
    return any(row["kind"] == "drain_edge" and row["subject"] == edge for row in rows)


async def _until_done(drain: Drain, within_s: float | None) -> None:
    """Say what is left, whenever that has changed."""
    loop = asyncio.get_running_loop()
    began = changed_at = loop.time()
    said, explained = "", False
    while True:
        left = await drain.left()
        if left.done:
            typer.echo(f"{drain.part} {drain.name} is drained")
            return
        if left.text != said:
            said, changed_at = left.text, loop.time()
            typer.echo(said, err=True)
        if within_s is not None and loop.time() - began > within_s:
            raise Failure(f"after {within_s:g} s: {left.text}; it goes on, unless `--undo` turns it back")
        if loop.time() - changed_at > STILL_S and not explained:
            explained = True
            typer.echo(f"  nothing has changed for {STILL_S:.0f} s; {drain.reason}", err=True)
        await asyncio.sleep(LOOK_S)


class Drain:
    """One part of the deployment on its way out. Everything raises `StorageUnavailable`."""

    def __init__(self, database: Database, online: OnlineReader, name: str, part: Part) -> None:
        self._database, self._online = database, online
        self.name, self.part = name, part
        self._named: dict[str, Any] = {
            "actor": name if part is Part.ACTOR else None,
            "node": name if part is Part.NODE else None,
        }

    @property
    def reason(self) -> str:
        """Why it may come no further."""
        if self.part is Part.EDGE:
            return "does that edge run? It looks for orders once a second"
        return "is there a steward, and has any other actor or node room? See `tavola doctor`"

    async def begin(self) -> None:
        """It is given nothing any more, and what it has goes."""
        if self.part is not Part.EDGE:
            if self.part is Part.NODE:
                await self._database.rows("drain_node", node=self.name)
            await self._database.rows("drain_actors", **self._named)
        elif not await _ordered(self._database, self.name):
            at = now_ms()
            order: dict[str, Any] = {"kind": "drain_edge", "subject": self.name, "until": at + ORDERED_MS, "at": at}
            await self._database.rows("give_order", **order, reason="", operator=BY)

    async def turn_back(self) -> None:
        """The rest stays, and more may come. Raises `Failure` where there is nothing to be turned back."""
        if self.part is Part.EDGE:
            found = bool(await self._database.rows("lift_order", kind="drain_edge", subject=self.name))
            counts = await self._online.counts()
            if found and counts is not None and self.name not in counts.sockets:
                raise Failure(f"edge {self.name} has ended; another took its place, if something runs it")
        else:
            state = await self._database.row("drained", **self._named)
            if state is not None and self.part is Part.ACTOR and state["by_node"]:
                raise Failure(f"actor {self.name} is drained with its node: undo that")
            row = await self._database.row("undrain_actors", **self._named)
            found = row is not None and row["found"]
        if not found:
            raise Failure(f"{self.part} {self.name} is not drained")

    async def left(self) -> StillThere:
        """All that has not gone yet. Raises `TurnedBack`."""
        return await (self._sockets() if self.part is Part.EDGE else self._rooms())

    async def _rooms(self) -> StillThere:
        row = await self._database.row("drained", **self._named)
        assert row is not None
        actors, rooms = row["actors"], row["rooms"]
        if actors == 0:
            return StillThere("nothing is left", done=True)
        if not (row["node_draining"] if self.part is Part.NODE else row["draining"]):
            raise TurnedBack(
                f"the drain of {self.part} {self.name} was turned back, with {_counted(rooms, 'room')} left"
            )
        return StillThere(f"{_counted(rooms, 'room')} left, on {_counted(actors, 'actor')}", done=False)

    async def _sockets(self) -> StillThere:
        ordered = await _ordered(self._database, self.name)
        counts = await self._online.counts()
        if counts is None:
            return StillThere("Redis does not answer: it is not known how many sockets are left", done=False)
        sockets = counts.sockets.get(self.name)
        if sockets is None:
            return StillThere("nothing is left", done=True)
        if not ordered:
            raise self._turned_back(_counted(sockets, "socket"))
        return StillThere(f"{_counted(sockets, 'socket')} left", done=False)

    def _turned_back(self, left: str) -> TurnedBack:
        return TurnedBack(f"the drain of {self.part} {self.name} was turned back, with {left} left")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
