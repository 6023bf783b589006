"""Rooms are moved from actors that live: handed over between two moves, and loaded where they are then. A room goes
nowhere before there is an actor for it, which has tried whether it can read it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any

import structlog

from tavola.actors.cluster.directory import Directory, Place
from tavola.actors.wire.commands import Epoch, RoomId
from tavola.actors.wire.line import HANDS_OVER, Line, LineFull, LineLost
from tavola.actors.wire.messages import Activate, Answer, HandedOver, HandOver, Moved, Prepare, Refusal
from tavola.actors.wire.refusals import FULL
from tavola.config.keys import Secrets
from tavola.storage.postgres import Database

log = structlog.get_logger()

ANSWER_WITHIN_S = 5.0
SILENT_S = 5.0


class MoveOutcome(StrEnum):
    """The end of a move, where nothing is raised."""

    MOVED = "moved"
    GONE = "gone"
    """It was somewhere else already."""
    STAYS = "stays"
    """No other actor has room, its actor had something else to do, or it is not quiet."""
    REFUSED = "refused"
    """The other actor could not read it."""


class Mover:
    """Moves rooms, by lines that it keeps open until `close`."""

    def __init__(self, database: Database, directory: Directory, secrets: Secrets) -> None:
        self._database = database
        self._directory = directory
        self._secrets = secrets
        self._lines: dict[str, asyncio.Task[Line]] = {}

    async def move(self, room: RoomId, away_from: str, to: str | None = None, *, quiet: bool = False) -> MoveOutcome:
        """Move it, to `to` or to whichever actor has room; with `quiet` only while nobody would notice. Else, when
        `away_from` does not answer, or cannot hand over, it is fenced: whatever it has decided and not committed is
        decided again by the next. Raises `NoSuchRoom`, `RoomUnreadable`, `StorageUnavailable`."""
        found = await self._directory.locate(room)
        if not isinstance(found, Place) or found.actor != away_from:
            return MoveOutcome.GONE
        row = await self._database.row("taker", avoid=away_from, to=to)
        if row is None:
            return MoveOutcome.STAYS
        taker = Place(room, found.epoch, row["name"], row["address"])
        if isinstance(no := await self._asked(taker, Prepare(found.epoch, room)), Refusal):
            log.warning("room.move_refused", room=room, actor=taker.actor, code=no.code)
            return MoveOutcome.REFUSED
        answer = await self._asked(found, HandOver(found.epoch, room, taker.actor, quiet))
        if isinstance(answer, Refusal) or (quiet and not isinstance(answer, HandedOver)):
            return MoveOutcome.STAYS
        if not isinstance(answer, HandedOver):
            given: dict[str, Any] = {"room_id": room, "epoch": found.epoch, "actor": away_from, "to": taker.actor}
            row = await self._database.row("hand_over", **given)
            if row is None:
                return MoveOutcome.STAYS
            answer = HandedOver(Epoch(row["epoch"]), row["name"], row["address"])
        place = Place(room, answer.epoch, answer.actor, answer.address)
        log.info("room.moved", room=room, epoch=place.epoch, away_from=away_from, actor=place.actor)
        await self._rouse(place)
        return MoveOutcome.MOVED

    def close(self) -> None:
        """Nothing is to be moved for a while."""
        lines, self._lines = self._lines, {}
        for task in lines.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().cut("done")
            else:
                task.cancel()

    async def _asked(self, at: Place, request: HandOver | Prepare) -> Answer:
        """The answer of an actor; `Moved` where it does not answer, or is of a release that does not know of this."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                line = await self._line(at)
                return await line.ask(request) if line.version >= HANDS_OVER else Moved()
        except LineFull:
            return FULL
        except (LineLost, TimeoutError) as error:
            log.info("line.not_opened", actor=at.actor, reason=str(error))
            return Moved()

    async def _rouse(self, place: Place) -> None:
        """Have it loaded there, clocks and all. If that fails, whoever asks next does it, or its alarm."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await (await self._line(place)).ask(Activate(place.epoch, place.room))
        except (LineLost, LineFull, TimeoutError) as error:
            log.warning("room.rouse_failed", room=place.room, reason=str(error))

    async def _line(self, at: Place) -> Line:
        task = self._lines.get(at.actor)
        if task is None or (task.done() and not self._usable(task)):
            opening = Line.connect(at.actor, at.address, self._secrets, SILENT_S)
            task = self._lines[at.actor] = asyncio.create_task(opening)
        return await asyncio.shield(task)

    def _usable(self, task: asyncio.Task[Line]) -> bool:
        return not task.cancelled() and task.exception() is None and task.result().open
