"""The steward's rounds: alarms of rooms whose actor is gone, players of whom nobody hears, dead actors' rows, clearing
away, and what is kept no longer (`retention`, `removal`). A plain asyncio class without Ray. Of the nodes' stewards one
does them (`lease`).

It owns nothing and everything that it does is driven by rows and may be done twice: killed at any moment, or running
twice by mistake, it does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import groupby
from typing import Any, Protocol

import structlog

from tavola.actors.cluster.balance import ActorLoad, shifts
from tavola.actors.cluster.ceiling import Full
from tavola.actors.cluster.directory import ClusterUnavailable, Directory, NoSuchRoom, Place, RoomUnreadable
from tavola.actors.cluster.mover import MoveOutcome, Mover
from tavola.actors.cluster.rollout import ROUND_S as ROLLOUT_ROUND_S
from tavola.actors.cluster.rollout import RollOut
from tavola.actors.scaling.gathering import ROUND_S as GATHERING_ROUND_S
from tavola.actors.scaling.gathering import Gathering
from tavola.actors.upkeep.archivist import Archivist
from tavola.actors.upkeep.ballast import Ballast, own_disk
from tavola.actors.upkeep.chat_clearing import ChatClearing
from tavola.actors.upkeep.erasure import Erasure
from tavola.actors.upkeep.log_tender import LogTender
from tavola.actors.upkeep.measuring import Measuring
from tavola.actors.upkeep.relief import Relief
from tavola.actors.upkeep.removal import Removal
from tavola.actors.upkeep.retention import Retention
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.line import Line, LineLost
from tavola.actors.wire.messages import Activate
from tavola.config import logs
from tavola.config.crash import Point
from tavola.config.keys import Secrets
from tavola.config.settings import Settings
from tavola.storage.archive_store import store_at
from tavola.storage.measures import ToldEvents
from tavola.storage.postgres import Conflict, Database, StorageUnavailable

log = structlog.get_logger()

ROUND_S = 0.5
LOOK_S = 1.0
"""How often a longer pause between rounds looks at the clock."""
SLOW_ROUND_S = 5.0
EVEN_ROUND_S = 2.0
QUIET_MS = 1000
"""Where nothing has happened for so long, a room may be moved for the sake of others."""
OVERDUE_MS = 500
"""An alarm may be this late before the steward looks whether the room's actor is there."""
DEAD_AFTER_S = 15.0
UNHEARD_ROUND_S = 15.0
UNHEARD_MS = 90_000
"""A player who counts as there and of whom no edge has written anything for so long (three of its beats): their room is
loaded, if it is not, and the rest is its actor's."""
CLEARING_ROUND_S = 60.0
CLEARED_AT_ONCE = 5000
REMOVAL_ROUND_S = 2.0
RELIEF_ROUND_S = 1.0
MEASURING_ROUND_S = 600.0
DAY_MS = 86_400_000
EXPIRED_FOR_MS = {
    "clear_rejoin_tokens": DAY_MS,  # one that expired during a hand is good until the hand ends
    "clear_replaced_tokens": 0,
    "clear_connection_tokens": 0,
    "clear_sessions": 0,
    "clear_sign_outs": 8 * DAY_MS,  # another issuer's tokens may be a week old
    "clear_matches": 0,
    "clear_orders": 0,
}
"""The queries that clear away, and how long after a row's time each does."""
ROUSE_AT_ONCE = 100
ROUSE_WITHIN_S = 10.0
QUIET_AT_ONCE = 10
"""Rooms that are roused at once where nobody is and nothing is played: they are in no hurry, and each may take a
process for a while."""
DRAINED_AT_ONCE = 10
"""Rooms that leave drained actors in a round, and actors that end then."""
FULL_S = 2.0
"""For how long no room is roused when there was no room for one: each costs some queries to find that out."""


class Actors(Protocol):
    async def end_actor(self, name: str) -> None:
        """End a room actor if it still runs."""


class Steward:
    """The rounds, each a method that may be called by itself. `now` gives milliseconds since the epoch; `reached`
    is called at crash points."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        database: Database,
        directory: Directory,
        actors: Actors,
        now: Callable[[], int],
        reached: Callable[[Point], None] = lambda point: None,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._database = database
        self._directory = directory
        self._actors = actors
        self._now = now
        self._mover, self._evener = (Mover(database, directory, secrets) for _ in range(2))
        mover = Mover(database, directory, secrets)
        self.rollout = RollOut(database, directory, mover, actors.end_actor, now)
        self._gathering = Gathering(
            database,
            now,
            capacity=settings.rooms_per_actor,
            spares=settings.spares,
            least=settings.nodes_least,
            after_s=settings.gather_after_s,
        )
        self._evening = False
        """Rooms are being evened out: it goes on until there is little difference."""
        self._full_until = 0.0
        self._log = LogTender(database, now)
        self._minded = (0, "")
        """When the last room that was asked after in this walk was opened (ms), and its id."""
        archivist = None
        store = store_at(settings.archive) if settings.archive else None
        if store is not None:
            archivist = Archivist(
                database, store, now, reached, logs=settings.archive_logs, said=not settings.keep_chat_days
            )
        self._retention = Retention(settings, database, now, archivist)
        self._measuring = Measuring(settings, database, now)
        self._removal = Removal(database, now, archived=archivist is not None)
        self._events = ToldEvents(database, "steward", logs.COUNTED)
        self._chat = ChatClearing(settings, database, now)
        self._erasure = Erasure(database, settings.redis_url, store, now, reached)
        self._relief = Relief(database, self._retention, self._removal, Ballast(own_disk(settings)), now)

    async def run(self) -> None:
        """Do the rounds until cancelled; a round that fails is tried again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every(ROUND_S, self.ring_alarms))
            tasks.create_task(self._every(ROUND_S, self.drain_actors))
            tasks.create_task(self._every(EVEN_ROUND_S, self.even_out))
            tasks.create_task(self._every(ROLLOUT_ROUND_S, self.rollout.round))
            tasks.create_task(self._every(GATHERING_ROUND_S, self._gathering.round))
            tasks.create_task(self._every(SLOW_ROUND_S, self._events.tell))
            tasks.create_task(self._every(SLOW_ROUND_S, self.bury_the_dead))
            tasks.create_task(self._every(SLOW_ROUND_S, self.ring_quiet_alarms))
            tasks.create_task(self._every(UNHEARD_ROUND_S, self.ask_after_the_unminded))
            tasks.create_task(self._every(UNHEARD_ROUND_S, self.ask_after_the_unheard))
            tasks.create_task(self._every(CLEARING_ROUND_S, self.clear_away))
            tasks.create_task(self._every(CLEARING_ROUND_S, self.tend_log))
            tasks.create_task(self._every(CLEARING_ROUND_S, self._retention.round))
            tasks.create_task(self._every(CLEARING_ROUND_S, self._chat.round))
            tasks.create_task(self._every(MEASURING_ROUND_S, self._measuring.measure))
            tasks.create_task(self._every(RELIEF_ROUND_S, self._relief.look))
            tasks.create_task(self._every(REMOVAL_ROUND_S, self._removal.work))
            tasks.create_task(self._every(REMOVAL_ROUND_S, self._erasure.round))

    async def _every(self, seconds: float, round: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await round()
            except (StorageUnavailable, ClusterUnavailable, OSError) as error:
                if isinstance(error, StorageUnavailable) and error.no_space:
                    self._relief.notice()
                log.warning("steward.round_failed", round=getattr(round, "__name__", ""), reason=str(error))
            except Conflict as error:
                log.error("steward.round_refused", round=getattr(round, "__name__", ""), constraint=error.constraint)
            await self._passed(seconds)

    async def _passed(self, seconds: float) -> None:
        """Wait so long, or until the clock says that so much time has passed: it may be set, or the machine sleep."""
        until = self._now() + seconds * 1000
        left = seconds
        while left > 0 and self._now() < until:
            await asyncio.sleep(min(left, LOOK_S))
            left -= LOOK_S

    async def ring_alarms(self) -> None:
        """Have every room loaded whose alarm has passed while its actor was gone."""
        await self._ring(ROUSE_AT_ONCE, quiet=False)

    async def ring_quiet_alarms(self) -> None:
        """The same of some of the rooms where nobody is: so they end."""
        await self._ring(QUIET_AT_ONCE, quiet=True)

    async def _ring(self, most: int, *, quiet: bool) -> None:
        if asyncio.get_running_loop().time() < self._full_until:
            return
        rows = await self._database.rows("overdue", before=self._now() - OVERDUE_MS, most=most, quiet=quiet)
        async with asyncio.TaskGroup() as tasks:
            for row in rows:
                tasks.create_task(self._rouse(RoomId(row["id"]), dead=True))

    async def ask_after_the_unminded(self) -> None:
        """Have some rooms loaded that nobody would ever end, such as those from before rooms ended: their actor sees
        that nobody is there. Walks through all, over and over."""
        if not self._settings.empty_room_minutes or asyncio.get_running_loop().time() < self._full_until:
            return
        created_at, after = self._minded
        rows = await self._database.rows("unminded", created_at=created_at, after=after, most=QUIET_AT_ONCE)
        self._minded = (rows[-1]["created_at"], rows[-1]["id"]) if rows else (0, "")
        async with asyncio.TaskGroup() as tasks:
            for row in rows:
                tasks.create_task(self._rouse(RoomId(row["id"]), dead=False))

    async def ask_after_the_unheard(self) -> None:
        """Have every room loaded in which a player counts as there without anybody saying so. Their edge is gone, and
        their room's actor with it, or it was never told: once the room is loaded, it waits for them as for
        everybody."""
        rows = await self._database.rows("unheard", since=self._now() - UNHEARD_MS, most=ROUSE_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for row in rows:
                tasks.create_task(self._rouse(RoomId(row["id"]), dead=False))

    async def _rouse(self, room: RoomId, *, dead: bool) -> None:
        """Have the room loaded: elsewhere, if its actor is known to be `dead` or does not answer."""
        try:
            async with asyncio.timeout(ROUSE_WITHIN_S):
                found = await self._directory.locate(room)
                if not isinstance(found, Place):
                    place = await self._directory.place(room, found, None)
                else:
                    place = await self._directory.take_over(found) if dead else found
                try:
                    await self._ask(Activate(place.epoch, room), place)
                except LineLost:
                    if dead:
                        raise
                    place = await self._directory.take_over(place)
                    await self._ask(Activate(place.epoch, room), place)
                log.info("room.roused", room=room, actor=place.actor)
        except Full:
            self._full_until = asyncio.get_running_loop().time() + FULL_S
        except (LineLost, TimeoutError, NoSuchRoom, RoomUnreadable, ClusterUnavailable, StorageUnavailable) as error:
            log.warning("room.rouse_failed", room=room, reason=str(error))

    async def _ask(self, request: Activate, place: Place) -> None:
        line = await Line.connect(place.actor, place.address, self._secrets, ROUSE_WITHIN_S)
        try:
            await line.ask(request)
        finally:
            line.cut("done")

    async def clear_away(self) -> None:
        """Delete what has expired: so much of each kind at once."""
        for query, after_ms in EXPIRED_FOR_MS.items():
            await self._database.rows(query, before=self._now() - after_ms, most=CLEARED_AT_ONCE)

    async def tend_log(self) -> None:
        """Make the log's days ahead, and forget commands that nobody sends again."""
        await self._log.make_days()
        await self._log.forget_commands(CLEARING_ROUND_S)

    async def drain_actors(self) -> None:
        """Take some of the rooms of actors that are to end elsewhere, and end those that have none any more."""
        rows = await self._database.rows("drained_rooms", most=DRAINED_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for actor, those in groupby(sorted((row["actor"], row["id"]) for row in rows), lambda pair: pair[0]):
                tasks.create_task(self._taken_elsewhere([RoomId(room) for _, room in those], actor))
        if not rows:
            self._mover.close()
        for _ in range(DRAINED_AT_ONCE):
            if (ended := await self._database.row("drained_actor")) is None:
                return
            log.info("actor.drained", actor=ended["name"])
            await self._actors.end_actor(ended["name"])

    async def even_out(self) -> None:
        """Move some rooms that are quiet to nodes that have less to do, and away from actors that have too much."""
        a_second = self._settings.rooms_evened_per_second
        if not a_second:
            return
        loads = [ActorLoad(**row) for row in await self._database.rows("actor_loads")]
        wanted = shifts(loads, round(a_second * EVEN_ROUND_S), under_way=self._evening)
        self._evening = bool(wanted)
        moved = 0
        for away_from, those in groupby(sorted(wanted), lambda shift: shift.away_from):
            takers = [shift.to for shift in those]
            given: dict[str, Any] = {"actor": away_from, "since": self._now() - QUIET_MS, "most": len(takers)}
            rows = await self._database.rows("quiet_rooms", **given)
            for row, to in zip(rows, takers, strict=False):
                moved += await self._moved_if_quiet(RoomId(row["id"]), away_from, to)
                await asyncio.sleep(1 / a_second)
        if moved:
            log.info("rooms.evened", rooms=moved)
        if not wanted:
            self._evener.close()

    async def _moved_if_quiet(self, room: RoomId, away_from: str, to: str) -> bool:
        try:
            return await self._evener.move(room, away_from, to, quiet=True) is MoveOutcome.MOVED
        except (NoSuchRoom, RoomUnreadable) as error:
            log.warning("room.move_failed", room=room, reason=str(error))
            return False

    async def _taken_elsewhere(self, rooms: Iterable[RoomId], actor: str) -> None:
        """One after the other, for those that move at the same time wait for each other. They stay where they are, and
        are played there, until another actor has room."""
        for room in rooms:
            try:
                if await self._mover.move(room, actor) is MoveOutcome.STAYS:
                    await self._directory.have_room(actor)
            except Full:
                return  # The wisher has said so.
            except (NoSuchRoom, RoomUnreadable, ClusterUnavailable) as error:
                log.warning("room.move_failed", room=room, reason=str(error))

    async def bury_the_dead(self) -> None:
        """Forget actors that have been silent for long, and see that they have ended. Those that came up on a drained
        node are drained."""
        for row in await self._database.rows("dead_actors", after_s=DEAD_AFTER_S):
            log.info("actor.buried", actor=row["name"], pid=row["pid"])
            await self._actors.end_actor(row["name"])
            await self._database.rows("forget_actor", name=row["name"])
        await self._database.rows("drain_newcomers")
        await self._database.rows("recount_actors")
        await self._database.rows("clear_nodes")
