"""The inside of a room actor: a plain asyncio class that owns rooms and knows neither Ray nor edges.

Commands come in through `handle`. Each is decided at once, on top of what is decided already, and gathered. One task
commits what has gathered, as one statement, while the next gathers: batches form by themselves and nothing waits for a
timer. What is decided becomes visible in one order, written in `_settle`: commit, swap memory, publish, answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, assert_never

import structlog

from tavola.actors.host.commit_writer import answered_before, rehearse, write
from tavola.actors.host.crash import Point
from tavola.actors.host.entropy import Source
from tavola.actors.host.loaded_room import LoadedRoom, Reply, RoomEntry
from tavola.actors.host.presence import TICK_S, PresenceTracker
from tavola.actors.host.refusal_check import RefusalCheck
from tavola.actors.host.rooms import BROKEN, HELD_S, RETRY_S, Rooms
from tavola.actors.host.view_reader import ViewReader
from tavola.actors.room import clock
from tavola.actors.room.clock import Grace
from tavola.actors.room.grants import GrantSigner
from tavola.actors.room.incoming import Verdict, judged, trimmed
from tavola.actors.room.outside_view import has_part
from tavola.actors.room.state import Decision, Nothing, Unchanged
from tavola.actors.wire.commands import SYSTEM, AnyCommand, GiveUp, Halt, Recover, Wake, snake
from tavola.actors.wire.messages import (
    Activate,
    Committed,
    Evict,
    GetView,
    Moved,
    Ok,
    Refusal,
    ReportPresence,
    Request,
    Submit,
)
from tavola.actors.wire.mistakes import GAME_ERROR, Doing, Mistakes
from tavola.actors.wire.refusals import ID_REUSED, STORAGE_AWAY
from tavola.games.base import Refused
from tavola.storage.postgres import Conflict, Database, StorageUnavailable

log = structlog.get_logger()

IDLE_S = 300.0
"""A room without a clock running that nobody has used in this time is evicted. Looking at it from outside is no use."""
ALARM_AGAIN_S = 5.0
"""After how long an alarm that did nothing rings again."""
LIMIT = 10_000
"""Requests in hand at once; one more is refused `overloaded`."""
BATCH = 500
"""Entries in one commit at most."""
NEVER = float("inf")
TELL_S = 0.5
"""How often it is looked whether a commit hangs."""
SAY_AGAIN_S = 1.0
"""How often it is logged, at the most, that commits fail."""
CROWDED = Refusal("overloaded", "This table's server has too much to do.", None, 500)


class UpdatePublisher(Protocol):
    def publish(self, room: str, epoch: int, seq: int, message: bytes) -> None:
        """Send an encoded `Update` without waiting. May be lost: edges find gaps by themselves."""

    def publish_presence(self, message: bytes) -> None:
        """Send an encoded `Present` without waiting. May be lost."""


class HostDeps(NamedTuple):
    """What a host works with beside storage and Redis."""

    now: Callable[[], int]
    """Milliseconds since the epoch."""
    crash: Callable[[Point], None]
    mint: GrantSigner
    grace: Grace


class Host:
    """Owns rooms for one actor. On an answer of `Committed` the command is durable; on any other nothing changed,
    except on `storage_unavailable`, when it may have: the same command, sent again, tells.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        publisher: UpdatePublisher,
        means: HostDeps,
    ) -> None:
        """`name` is the actor's in `room_actors`."""
        self.rooms = Rooms(name, database)
        self._mistakes = Mistakes()
        self._looks = ViewReader(self.rooms, database, self._mistakes)
        self._refusals = RefusalCheck(database)
        self._database = database
        self._lane = database.lane()
        self._entropy = Source()
        self._publisher = publisher
        self._now, self._crash, self._mint, grace = means
        self.presence = PresenceTracker(self.rooms, self._now, grace, self._system, publisher.publish_presence)
        self._gathered: list[RoomEntry] = []
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._in_hand: list[RoomEntry] = []
        """What the commit that is under way will settle."""
        self._committing_since = NEVER
        self._said_failed_at = -NEVER

    @property
    def held_up_s(self) -> float:
        """For how long the commit that is under way has taken; below zero when there is none."""
        return self._loop.time() - self._committing_since

    async def run(self) -> None:
        """Commit what gathers, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._looks.run(self.handle))
            tasks.create_task(self._refusals.run())
            tasks.create_task(self._evict_idle())
            tasks.create_task(self._mind_presence())
            tasks.create_task(self._tell_the_held_up())
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._gathered:
                    self._in_hand, self._gathered = self._gathered[:BATCH], self._gathered[BATCH:]
                    await self._commit(self._in_hand)
                self._in_hand, self._committing_since = [], NEVER

    # What comes in

    def handle(self, request: Request, reply: Reply) -> None:
        """Take a request; `reply` is called once with its answer, now or later."""
        if len(self._gathered) + self.rooms.queued + len(self._looks) + len(self._refusals) >= LIMIT:
            reply(CROWDED)
            return
        slot = self.rooms.get(request.room, request.epoch)
        if slot is None:
            self.rooms.load(request, reply, self._loaded)
            return
        match request:
            case Submit():
                slot.used_at = self._loop.time()
                self._deliver(slot, request, reply)
            case GetView():
                if has_part(slot.room, request.sender.user):
                    slot.used_at = self._loop.time()
                self._looks.add(slot, request, reply)
            case Activate():
                slot.used_at = self._loop.time()
                self._set_alarm(slot)
                self.presence.doubt(slot)
                reply(Ok())
            case ReportPresence():
                self._set_alarm(slot)
                self.presence.attend(slot, request)
                reply(Ok())
            case Evict():
                self.rooms.drop(slot)
                reply(Ok())
            case _ as never:
                assert_never(never)

    def _loaded(self, request: Request, reply: Reply) -> None:
        """A request whose room has just been loaded."""
        slot = self.rooms.get(request.room, request.epoch)
        if slot is None:
            reply(Moved())
            return
        slot.used_at = self._loop.time()
        if slot.recover:
            self._recover(slot)
        self.presence.loaded(slot)
        self.handle(request, reply)

    def _deliver(self, slot: LoadedRoom, asked: Submit, reply: Reply) -> None:
        command = trimmed(slot.room, asked.command)
        entry = RoomEntry(slot, asked.sender, command, [reply], self._loop.time() + HELD_S, asked.code)
        if not self._known(entry):
            self._decide(entry)

    def _known(self, entry: RoomEntry) -> bool:
        """Whether a command of this id was here before. If it is the same, it is answered as it was, or waits for the
        same commit; another one is refused."""
        answered = entry.slot.answered.get(entry.key)
        if answered is not None:
            _answer(entry.replies, answered.again(entry.command))
            return True
        waiting = entry.slot.waiting.get(entry.key)
        if waiting is None:
            return False
        if waiting.command == entry.command:
            waiting.replies += entry.replies
        else:
            _answer(entry.replies, ID_REUSED)
        return True

    def _decide(self, entry: RoomEntry) -> Verdict | None:
        """What came of it: None if the game has made a mistake."""
        slot = entry.slot
        if slot.recover:
            self._recover(slot)
        entry.entropy = self._entropy.draw()
        try:
            verdict = judged(slot.tip, entry.sender, entry.command, entry.code, self._now(), entry.entropy)
            if isinstance(verdict, Decision):
                if not entry.sender.user:
                    rehearse(slot.tip, verdict, self._mint)
                slot.put(entry, verdict)
        except Exception as error:  # A game's mistake must not take the other rooms with it.
            self._mistake(slot, error, "decide", command=entry.command.id)
            _answer(entry.replies, GAME_ERROR)
            return None
        if not isinstance(verdict, Decision):
            if isinstance(verdict, Nothing):
                return verdict
            if not slot.waiting:
                self._answer_alone(entry, verdict)
                return verdict
        entry.verdict = verdict
        slot.waiting[entry.key] = entry
        self._gathered.append(entry)
        self._ready.set()
        return verdict

    def _mistake(self, slot: LoadedRoom, error: Exception | Refused, doing: Doing, **about: str) -> None:
        self._mistakes.tell(error, doing, slot.room.info.game, room=slot.id, seq=slot.tip_seq, **about)

    def _answer_alone(self, entry: RoomEntry, verdict: Refused | Unchanged) -> None:
        """Answer what has no effect."""
        answer = _no(verdict) if isinstance(verdict, Refused) else _unchanged(entry.slot, verdict)
        if entry.slot.forgetful and entry.sender.user:
            self._refusals.add(entry, answer)
        else:
            _answer(entry.replies, answer)

    def _recover(self, slot: LoadedRoom) -> None:
        slot.recover = False
        self._system(slot, Recover(id=f"recover.{slot.tip_seq + 1}", room=slot.id))
        self._set_alarm(slot)

    def _system(self, slot: LoadedRoom, command: AnyCommand, *replies: Reply) -> Verdict | None:
        """Decide a command of our own. It is answered only if something came of it; one whose commit fails is gone."""
        return self._decide(RoomEntry(slot, SYSTEM, command, [*replies], self._loop.time() + HELD_S))

    # What goes out

    async def _commit(self, batch: list[RoomEntry]) -> None:
        """Make `batch` durable and visible; what cannot be is decided again, sent on, or refused."""
        if all(entry.update is None for entry in batch):
            self._settle(batch)
            return
        self._crash("commit.before")
        self._committing_since = self._loop.time()
        try:
            outcome = await write(self._database, self._lane, self._mint, batch)
        except StorageUnavailable as error:
            self._say_failed(batch, error)
            self._again(batch)
            await asyncio.sleep(RETRY_S)
            return
        except Conflict as error:
            await self._conflicted(batch, error)
            return
        self._crash("commit.after")
        # A refusal stands with the moves that it was decided on: those of its room in this batch, if there are any.
        unwritten = {entry.slot for entry in batch if entry.update is not None} - outcome.written
        self._settle([entry for entry in batch if entry.slot not in unwritten])
        for slot in unwritten & (outcome.fenced | outcome.doubtful):
            self._lose(slot, doubtful=slot in outcome.doubtful)
        for slot, mistake in outcome.broken.items():
            self._mistake(slot, mistake, "store")
            self._refuse_all(slot, GAME_ERROR)
            slot.roll_back()
            self._ring(slot, self._loop.time() + ALARM_AGAIN_S)
        redo = unwritten - outcome.fenced - outcome.doubtful - outcome.broken.keys()
        self._again([entry for entry in batch if entry.slot in redo])

    def _say_failed(self, batch: list[RoomEntry], error: StorageUnavailable) -> None:
        """Now and then: commits are tried ten times a second for as long as storage is away, which may be for days."""
        if self._loop.time() > self._said_failed_at + SAY_AGAIN_S:
            self._said_failed_at = self._loop.time()
            log.warning("commit.failed", entries=len(batch), reason=str(error))

    async def _tell_the_held_up(self) -> None:
        """While a commit hangs, whoever has waited for long enough is told to come again: it may yet take effect, and
        under the same id it does so once."""
        while True:
            await asyncio.sleep(TELL_S)
            if self.held_up_s > HELD_S:
                for entry in (*self._in_hand, *self._gathered):
                    if entry.sender.user and self._loop.time() > entry.give_up_at:
                        replies, entry.replies = entry.replies, []
                        _answer(replies, STORAGE_AWAY)

    def _settle(self, entries: list[RoomEntry]) -> None:
        """The one order of effects, after the commit: swap memory, publish, answer."""
        messages = []
        for entry in entries:
            entry.slot.waiting.pop(entry.key, None)
            if entry.update is None:
                messages.append(b"")
                continue
            entry.slot.settle(entry)
            messages.append(entry.slot.recent[-1])
        for entry, message in zip(entries, messages, strict=True):
            if message and (update := entry.update) is not None:
                self._publisher.publish(update.room, update.epoch, update.seq, message)
        self._crash("publish.after")
        for entry, message in zip(entries, messages, strict=True):
            if entry.update is not None and isinstance(entry.verdict, Decision):
                _answer(entry.replies, Committed(entry.update.seq, entry.verdict.give, message))
                self._set_alarm(entry.slot)
            elif isinstance(entry.verdict, Refused | Unchanged):
                self._answer_alone(entry, entry.verdict)

    def _again(self, entries: Iterable[RoomEntry]) -> None:
        """Nothing of these was written: decide them again, and what was decided on top of them; refuse the too old."""
        slots = {entry.slot for entry in entries}
        redo = [*entries, *(entry for entry in self._gathered if entry.slot in slots)]
        self._gathered = [entry for entry in self._gathered if entry.slot not in slots]
        for slot in slots:
            slot.roll_back()
            slot.recover = True
        for entry in redo:
            entry.update = entry.projection = entry.verdict = None
            if not entry.sender.user:
                continue
            if self._loop.time() > entry.give_up_at:
                _answer(entry.replies, STORAGE_AWAY)
            elif not self._known(entry):
                self._decide(entry)
        for slot in slots:
            self._set_alarm(slot)
            self.presence.doubt(slot)

    def _lose(self, slot: LoadedRoom, *, doubtful: bool) -> None:
        """The room is somebody else's, or its last commit may still be on its way: forget it, and say so."""
        log.info("room.doubtful" if doubtful else "room.fenced", room=slot.id, epoch=slot.epoch, seq=slot.seq)
        self.rooms.drop(slot)
        self._refuse_all(slot, STORAGE_AWAY if doubtful else Moved())

    def _refuse_all(self, slot: LoadedRoom, answer: Refusal | Moved) -> None:
        """Nothing comes of what was decided for the room and is not committed."""
        self._gathered = [entry for entry in self._gathered if entry.slot is not slot]
        for entry in slot.waiting.values():
            _answer(entry.replies, answer)
        slot.waiting.clear()

    async def _conflicted(self, batch: list[RoomEntry], error: Conflict) -> None:
        """A constraint refused the batch. A command from before our memory is answered from the log; any other room
        that the database will not have is given up alone, so that the rest of the batch goes on.
        """
        slots = {entry.slot for entry in batch}
        try:
            before = await answered_before(self._database, batch)
        except StorageUnavailable:
            self._again(batch)
            await asyncio.sleep(RETRY_S)
            return
        for entry in batch:
            if (answered := before.get((entry.slot.id, entry.key))) is not None:
                entry.slot.remember(entry.key, answered)
        if before:
            self._again(batch)
            return
        if len(slots) > 1:
            for slot in slots:
                await self._commit([entry for entry in batch if entry.slot is slot])
            return
        for slot in slots:
            log.error("room.refused_by_database", room=slot.id, seq=slot.seq, constraint=error.constraint)
            self.rooms.drop(slot)
            self._refuse_all(slot, BROKEN)

    # Alarms and idleness

    def _set_alarm(self, slot: LoadedRoom) -> None:
        """See that the room's alarm rings. A timer that rings too early is set again: most moves only put it off."""
        due = self._due(slot)
        if due is None or not self.rooms.holds(slot):
            return
        at = self._loop.time() + max(0.0, (due - self._now()) / 1000)
        if slot.timer is not None and slot.rings_at <= at + 0.001:
            return
        self._ring(slot, at)

    def _due(self, slot: LoadedRoom) -> int | None:
        """The room's alarm; where the game cannot say, it is asked again later."""
        try:
            return clock.alarm(slot.room)
        except Exception as error:
            self._mistake(slot, error, "set a clock")
            return self._now() + int(ALARM_AGAIN_S * 1000)

    def _ring(self, slot: LoadedRoom, at: float) -> None:
        slot.stop_timer()
        slot.timer, slot.rings_at = self._loop.call_at(at, self._alarm, slot), at

    def _alarm(self, slot: LoadedRoom) -> None:
        slot.timer = None
        due = self._due(slot)
        if due is None or not self.rooms.holds(slot):
            return
        if due <= self._now() and not slot.waiting:
            self._wake(slot)
            if not slot.waiting:
                log.error("room.alarm_in_vain", room=slot.id, seq=slot.seq)
                self._ring(slot, self._loop.time() + ALARM_AGAIN_S)
        elif due > self._now():
            self._set_alarm(slot)

    def _wake(self, slot: LoadedRoom) -> None:
        """Do what is due. If the game cannot, it is given up, or the room halts: a clock does not ring for ever."""
        for kind in (Wake, GiveUp, Halt):
            command = kind(id=f"{snake(kind.__name__)}.{slot.tip_seq + 1}", room=slot.id)
            verdict = self._system(slot, command, lambda _: self.presence.woken(slot))
            if slot.waiting or (isinstance(verdict, Nothing) and kind is Wake):
                return
            if isinstance(verdict, Refused):
                self._mistake(slot, verdict, "decide", command=command.id)

    async def _mind_presence(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.presence.tick()

    async def _evict_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_S / 10)
            for slot in self.rooms.all():
                idle = self._loop.time() - slot.used_at > IDLE_S
                needed = slot.waiting or self._due(slot) is not None or self.presence.anybody(slot)
                if idle and not needed:
                    try:
                        await self.rooms.release(slot)
                    except StorageUnavailable as error:
                        log.warning("room.release_failed", room=slot.id, reason=str(error))


def _answer(replies: list[Reply], answer: Committed | Refusal | Moved) -> None:
    for reply in replies:
        reply(answer)


def _unchanged(slot: LoadedRoom, verdict: Unchanged) -> Committed:
    return Committed(slot.seq, {**verdict.give, "unchanged": True})


def _no(refused: Refused) -> Refusal:
    details = refused.details or {}
    return Refusal(refused.code, refused.message, refused.details, details.get("retry_after_ms"))
