"""The inside of a room actor: a plain asyncio class that owns rooms and knows neither Ray nor edges.

Commands come in through `handle`. Each is decided at once, on top of what is decided already, and gathered. One task
commits what has gathered, as one statement, while the next gathers: batches form by themselves and nothing waits for a
timer. A decision becomes visible in one order, written in `_settle`: commit, swap memory, publish, answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, assert_never

import msgspec
import structlog
from msgspec.structs import replace

from tavola.actors.errands.doing import done
from tavola.actors.host.commit_writer import answered_before, rehearse, write
from tavola.actors.host.entropy import Source
from tavola.actors.host.handing_over import IN_PLAY, QUIET_S, HandingOver
from tavola.actors.host.loaded_room import Accepted, Decided, LoadedRoom, Pending, Reply, WithoutEffect
from tavola.actors.host.presence import TICK_S, PresenceTracker
from tavola.actors.host.refusal_check import RefusalCheck
from tavola.actors.host.room_spans import RoomSpans
from tavola.actors.host.rooms import HELD_S, RETRY_S, Rooms
from tavola.actors.host.view_reader import ViewReader
from tavola.actors.outside.outside_view import has_part
from tavola.actors.room import ending
from tavola.actors.room.clock import Grace, rests
from tavola.actors.room.incoming import judged, trimmed
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Nothing, Unchanged
from tavola.actors.wire.commands import SYSTEM, AnyCommand, GiveUp, Halt, Recover, Resting, Wake, snake
from tavola.actors.wire.errands import AnyAnswer, Errand
from tavola.actors.wire.given import record_of
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.messages import (
    Activate,
    Committed,
    Evict,
    GetView,
    HandOver,
    Moved,
    Ok,
    Prepare,
    Refusal,
    ReportPresence,
    Request,
    Submit,
)
from tavola.actors.wire.mistakes import Doing, Mistakes
from tavola.actors.wire.refusals import BROKEN, CROWDED, GAME_ERROR, ID_REUSED, STORAGE_AWAY
from tavola.config.checkpoints import EVERY_HAND, CheckpointEvery
from tavola.config.crash import Point
from tavola.storage.commits import warm
from tavola.storage.measures import Measures
from tavola.storage.postgres import Conflict, Database, StorageUnavailable

if TYPE_CHECKING:
    from tavola.config.spans import Tracer

_json = msgspec.json.Encoder().encode
log = structlog.get_logger()

IDLE_S = 300.0
"""A room of whose clocks none rings within this time, and that nobody has used in it, is evicted. Looking at it from
outside is no use. The steward has it loaded when its alarm rings."""
REST_S = IDLE_S / 10
"""A room that nobody has used for so long is at rest."""
OVER_SHARE = 0.1
"""After this part of it a room is evicted that is closed, or closes if nobody comes."""
CLOCK_SET_MS = 500
"""By so much a clock that nobody sets differs never in a tick."""
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


class UpdatePublisher(Protocol):
    def publish(self, room: str, epoch: int, seq: int, message: bytes) -> None:
        """Send an encoded `Update` without waiting. May be lost: edges find gaps by themselves."""

    def publish_presence(self, message: bytes) -> None:
        """Send an encoded `Present` without waiting. May be lost."""


class HostDeps(NamedTuple):
    """The parts that a host works with beside storage and Redis."""

    now: Callable[[], int]
    """Milliseconds since the epoch."""
    crash: Callable[[Point], None]
    signer: GrantSigner
    grace: Grace
    checkpoints: CheckpointEvery = EVERY_HAND
    tracer: Tracer | None = None
    """Where there is none, nothing is traced."""


class Host:
    """Owns rooms for one actor. On an answer of `Committed` the command is durable; on any other nothing changed,
    except on `storage_unavailable`, when it may have: the same command, sent again, tells.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        publisher: UpdatePublisher,
        deps: HostDeps,
    ) -> None:
        """`name` is the actor's in `room_actors`."""
        self.measures = Measures()
        self.rooms = Rooms(name, database, self.measures)
        self._mistakes = Mistakes()
        self._view_reader = ViewReader(self.rooms, database, self._mistakes)
        self._refusal_check = RefusalCheck(database)
        self._handing_over = HandingOver(name, self.rooms, database, self.handle)
        self._database = database
        self._connection = database.lane()
        self._entropy = Source()
        self._publisher = publisher
        self._now, self._crash, self._signer, grace, self._checkpoints, tracer = deps
        self._spans = None if tracer is None else RoomSpans(tracer)
        self._idle_turns = grace.idle_turns
        self.presence = PresenceTracker(self.rooms, self._now, grace, self._system, publisher.publish_presence)
        self._gathered: list[Decided] = []
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._in_hand: list[Decided] = []
        """The decisions that the commit under way will settle."""
        self._committing_since = NEVER
        self._said_failed_at = -NEVER
        self._change: Callable[[], None] | None = None
        """The change of the games that waits for the rooms' rounds to end."""
        self.no_space = asyncio.Event()
        """A commit found no space on Postgres's disk."""

    @property
    def waiting(self) -> dict[str, int]:
        """The requests in hand, by what they wait for."""
        return {
            "load": self.rooms.queued,
            "commit": len(self._gathered),
            "committing": len(self._in_hand),
            "view": len(self._view_reader),
            "refusal": len(self._refusal_check),
        }

    @property
    def held_up_s(self) -> float:
        """For how long the commit that is under way has taken; below zero when there is none."""
        return self._loop.time() - self._committing_since

    async def warm(self) -> None:
        """Before there is any room, do what the first one would wait for: connections are opened, statements planned.
        A database that does not answer is none of its business."""
        try:
            await asyncio.gather(warm(self._connection), self.rooms.warm())
        except StorageUnavailable as error:
            log.warning("actor.not_warm", reason=str(error))

    async def run(self) -> None:
        """Commit what gathers, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._view_reader.run(self.handle))
            tasks.create_task(self._refusal_check.run())
            tasks.create_task(self._evict_idle())
            tasks.create_task(self._mind_presence())
            tasks.create_task(self._tell_the_held_up())
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._gathered:
                    self._in_hand, self._gathered = self._gathered[:BATCH], self._gathered[BATCH:]
                    await self._commit(self._in_hand)
                    self._handing_over.committed()
                self._in_hand, self._committing_since = [], NEVER
                if self._change is not None:
                    self._renewed()

    # The way in

    def handle(self, request: Request, reply: Reply) -> None:
        """Take a request; `reply` is called once with its answer, now or later."""
        if len(self._gathered) + self.rooms.queued + len(self._view_reader) + len(self._refusal_check) >= LIMIT:
            reply(CROWDED)
            return
        if isinstance(request, Prepare):
            self.rooms.prepare(request.room, reply)
            return
        loaded = self.rooms.get(request.room, request.epoch)
        if loaded is None:
            if isinstance(request, HandOver):
                reply(Moved())  # There is nothing to be handed over.
            else:
                self.rooms.load(request, reply, self._loaded)
            return
        if loaded.held is not None:
            self._handing_over.hold(loaded, request, reply)
            return
        match request:
            case Submit():
                loaded.used_at = self._loop.time()
                self._submit(loaded, request, reply)
            case GetView():
                if has_part(loaded.room, request.sender.user):
                    loaded.used_at = self._loop.time()
                self._view_reader.add(loaded, request, reply)
            case Activate():
                loaded.used_at = self._loop.time()
                self._set_alarm(loaded)
                self.presence.doubt(loaded)
                reply(Ok())
            case ReportPresence():
                self._set_alarm(loaded)
                self.presence.report(loaded, request)
                reply(Ok())
            case Evict():
                self.rooms.drop(loaded)
                reply(Ok())
            case HandOver():
                if request.quiet and not (self._loop.time() - loaded.used_at > QUIET_S or self._between_rounds(loaded)):
                    reply(IN_PLAY)
                else:
                    self._handing_over.begin(loaded, request, reply)
            case _ as never:
                assert_never(never)

    def errand(self, errand: Errand) -> AnyAnswer:
        """The answer to an edge that asks for what a game's rules say, whatever rooms there are here."""
        return done(errand, self._mistakes)

    def renew(self, change: Callable[[], None]) -> None:
        """As soon as every room is between rounds and nothing is under way, `change` changes the games, and the rooms
        are loaded anew. It takes the place of one that has not come to it yet."""
        self._change = change
        self._renewed()

    def _renewed(self) -> None:
        rooms, change = self.rooms.all(), self._change
        if change is None or self._gathered or self._in_hand or self.rooms.queued:
            return
        if any(loaded.waiting or not self._between_rounds(loaded) for loaded in rooms):
            return
        self._change = None
        change()
        for loaded in rooms:
            self.rooms.drop(loaded)
            self.handle(Activate(loaded.epoch, loaded.id), lambda _: None)
        log.info("games.renewed", rooms=len(rooms))

    def _between_rounds(self, loaded: LoadedRoom) -> bool:
        """A game that cannot say it is taken to be: there is nothing in it that its mistake would spare."""
        try:
            return bool(game_of(loaded.room).between_rounds(loaded.room.table.game))
        except Exception as error:
            self._mistake(loaded, error, "decide")
            return True

    def _loaded(self, request: Request, reply: Reply) -> None:
        """A request whose room has just been loaded."""
        loaded = self.rooms.get(request.room, request.epoch)
        if loaded is None:
            reply(Moved())
            return
        loaded.used_at = self._loop.time()
        if loaded.recover:
            self._recover(loaded)
        self.presence.loaded(loaded)
        self.handle(request, reply)

    def _submit(self, loaded: LoadedRoom, request: Submit, reply: Reply) -> None:
        command = trimmed(loaded.room, request.sender, request.command)
        pending = Pending(loaded, request.sender, command, [reply], self._loop.time() + HELD_S, request.code)
        if self._spans is not None:
            pending.traceparent = request.traceparent
        if not self._known(pending):
            self._decide(pending)

    def _known(self, pending: Pending) -> bool:
        """Whether a command of this id was here before. If it is the same, it is answered as it was, or waits for the
        same commit; another one is refused."""
        answered = pending.loaded.answered.get(pending.key)
        if answered is not None:
            _answer(pending.replies, answered.again(pending.command))
            return True
        waiting = pending.loaded.waiting.get(pending.key)
        if waiting is None:
            return False
        if waiting.pending.command == pending.command:
            waiting.pending.replies += pending.replies
        else:
            _answer(pending.replies, ID_REUSED)
        return True

    def _decide(self, pending: Pending) -> Decided | Nothing | None:
        """The outcome: None if the game has made a mistake."""
        loaded = pending.loaded
        if loaded.recover:
            self._recover(loaded)
        try:
            spans = self._spans if pending.traceparent else None
            decided = self._judged(pending) if spans is None else spans.deciding(pending, self._judged)
        except Exception as error:  # A game's mistake must not take the other rooms with it.
            self._mistake(loaded, error, "decide", command=pending.command.id)
            _answer(pending.replies, GAME_ERROR)
            return None
        if isinstance(decided, Nothing):
            return decided
        if isinstance(decided, WithoutEffect) and not loaded.waiting:
            self._answer_alone(decided)
            return decided
        loaded.waiting[pending.key] = decided
        self._gathered.append(decided)
        self._ready.set()
        return decided

    def _judged(self, pending: Pending) -> Decided | Nothing:
        """The effect of the command on top of what is decided already. Raises whatever the game does."""
        loaded, entropy = pending.loaded, self._entropy.draw()
        verdict = judged(loaded.tip, pending.sender, pending.command, pending.code, self._now(), entropy)
        match verdict:
            case Decision():
                if loaded.unwritable and not pending.sender.user:
                    rehearse(loaded.tip, verdict, self._signer)
                return loaded.put(pending, verdict, entropy)
            case Refusal() | Unchanged():
                return WithoutEffect(pending, verdict)
            case Nothing():
                return verdict
            case _ as never:
                assert_never(never)

    def _unchanged(self, loaded: LoadedRoom, verdict: Unchanged) -> Committed:
        if verdict.tell is not None:
            self._publisher.publish_presence(_json(verdict.tell))
        return Committed(loaded.seq, record_of(verdict.give, unchanged=True))

    def _mistake(self, loaded: LoadedRoom, error: Exception | Refusal, doing: Doing, **about: str) -> None:
        self._mistakes.tell(error, doing, loaded.room.info.game, room=loaded.id, seq=loaded.tip_seq, **about)

    def _answer_alone(self, decided: WithoutEffect) -> None:
        pending, verdict = decided.pending, decided.verdict
        answer = verdict if isinstance(verdict, Refusal) else self._unchanged(pending.loaded, verdict)
        if pending.loaded.forgetful and pending.sender.user:
            self._refusal_check.add(pending, answer)
        else:
            _answer(pending.replies, answer)

    def _recover(self, loaded: LoadedRoom) -> None:
        loaded.recover = False
        self._system(loaded, Recover(id=f"recover.{loaded.tip_seq + 1}", room=loaded.id))
        self._set_alarm(loaded)

    def _system(self, loaded: LoadedRoom, command: AnyCommand, *replies: Reply) -> Decided | Nothing | None:
        """Decide a command of our own. It is answered only if something came of it; one whose commit fails is gone."""
        return self._decide(Pending(loaded, SYSTEM, command, [*replies], self._loop.time() + HELD_S))

    # The way out

    async def _commit(self, batch: list[Decided]) -> None:
        """Make `batch` durable and visible; what cannot be is decided again, sent on, or refused."""
        accepted = [entry for entry in batch if isinstance(entry, Accepted)]
        if not accepted:
            self._settle(batch)
            return
        self._crash("commit.before")
        self._committing_since = self._loop.time()
        try:
            writing = write(self._database, self._connection, self._signer, accepted, self.measures, self._checkpoints)
            outcome = await (writing if self._spans is None else self._spans.committing(accepted, writing))
        except StorageUnavailable as error:
            if error.no_space:
                self.no_space.set()
            self._say_failed(batch, error)
            self._again(batch)
            await asyncio.sleep(RETRY_S)
            return
        except Conflict as error:
            await self._conflicted(batch, error)
            return
        self._crash("commit.after")
        # A refusal stands with the moves that it was decided on: those of its room in this batch, if there are any.
        unwritten = {entry.pending.loaded for entry in accepted} - outcome.written
        if not unwritten:
            self._settle(batch)
            return
        self._settle([entry for entry in batch if entry.pending.loaded not in unwritten])
        for loaded in unwritten & (outcome.fenced | outcome.doubtful):
            self._lose(loaded, doubtful=loaded in outcome.doubtful)
        for loaded, mistake in outcome.broken.items():
            self._mistake(loaded, mistake, "store")
            self._refuse_all(loaded, GAME_ERROR)
            loaded.roll_back()
            self._ring(loaded, self._loop.time() + (ALARM_AGAIN_S if loaded.unwritable else 0.0))
            loaded.unwritable = True
        redo = unwritten - outcome.fenced - outcome.doubtful - outcome.broken.keys()
        self._again([entry for entry in batch if entry.pending.loaded in redo])

    def _say_failed(self, batch: list[Decided], error: StorageUnavailable) -> None:
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
                for pending in (entry.pending for entry in (*self._in_hand, *self._gathered)):
                    if pending.sender.user and self._loop.time() > pending.give_up_at:
                        replies, pending.replies = pending.replies, []
                        _answer(replies, STORAGE_AWAY)

    def _settle(self, entries: list[Decided]) -> None:
        """The one order of effects, after the commit: swap memory, publish, answer. Edges that follow the room and
        have not asked are told by their lines, with the answers; Redis is for those that have none."""
        messages = []
        for entry in entries:
            loaded = entry.pending.loaded
            loaded.waiting.pop(entry.pending.key, None)
            messages.append(loaded.settle(entry) if isinstance(entry, Accepted) else b"")
        publishing = self._spans.publishing(entries, messages) if self._spans is not None else ()
        now, teller = self._now(), self.rooms.teller
        for entry, message in zip(entries, messages, strict=True):
            if isinstance(entry, Accepted) and not entry.pending.loaded.following.on_lines(teller.edges, now):
                update = entry.update
                self._publisher.publish(update.room, update.epoch, update.seq, message)
        for span in publishing:
            span.end()
        self._crash("publish.after")
        for entry, message in zip(entries, messages, strict=True):
            match entry:
                case Accepted():
                    _answer(entry.pending.replies, Committed(entry.update.seq, record_of(entry.decision.give), message))
                    teller.committed(entry.pending.loaded, entry.update.seq, message)
                    self._set_alarm(entry.pending.loaded)
                case WithoutEffect():
                    self._answer_alone(entry)
                    self._set_alarm(entry.pending.loaded)  # It may have rung while this one waited.
                case _ as never:
                    assert_never(never)

    def _again(self, entries: list[Decided]) -> None:
        """Nothing of these was written: decide them again, and what was decided on top of them; refuse the too old."""
        rooms = {entry.pending.loaded for entry in entries}
        redo = [*entries, *(entry for entry in self._gathered if entry.pending.loaded in rooms)]
        self._gathered = [entry for entry in self._gathered if entry.pending.loaded not in rooms]
        for loaded in rooms:
            loaded.roll_back()
            loaded.recover = True
        for pending in (entry.pending for entry in redo):
            if not pending.sender.user:
                continue
            if self._loop.time() > pending.give_up_at:
                _answer(pending.replies, STORAGE_AWAY)
            elif not self._known(pending):
                self._decide(pending)
        for loaded in rooms:
            self._set_alarm(loaded)
            self.presence.doubt(loaded)

    def _lose(self, loaded: LoadedRoom, *, doubtful: bool) -> None:
        """The room is somebody else's, or its last commit may still be on its way: forget it, and say so."""
        log.info("room.doubtful" if doubtful else "room.fenced", room=loaded.id, epoch=loaded.epoch, seq=loaded.seq)
        self.rooms.drop(loaded)
        self._refuse_all(loaded, STORAGE_AWAY if doubtful else Moved())

    def _refuse_all(self, loaded: LoadedRoom, answer: Refusal | Moved) -> None:
        """Nothing comes of what was decided for the room and is not committed."""
        self._gathered = [entry for entry in self._gathered if entry.pending.loaded is not loaded]
        for entry in loaded.waiting.values():
            _answer(entry.pending.replies, answer)
        loaded.waiting.clear()

    async def _conflicted(self, batch: list[Decided], error: Conflict) -> None:
        """A constraint refused the batch. A command from before our memory is answered from the log; any other room
        that the database will not have is given up alone, so that the rest of the batch goes on.
        """
        rooms = {entry.pending.loaded for entry in batch}
        try:
            before = await answered_before(self._database, [entry.pending for entry in batch])
        except StorageUnavailable:
            self._again(batch)
            await asyncio.sleep(RETRY_S)
            return
        for pending in (entry.pending for entry in batch):
            if (answered := before.get((pending.loaded.id, pending.key))) is not None:
                pending.loaded.remember(pending.key, answered)
        if before:
            self._again(batch)
            return
        if len(rooms) > 1:
            for loaded in rooms:
                await self._commit([entry for entry in batch if entry.pending.loaded is loaded])
            return
        for loaded in rooms:
            log.error("room.refused_by_database", room=loaded.id, seq=loaded.seq, constraint=error.constraint)
            self.rooms.drop(loaded)
            self._refuse_all(loaded, BROKEN)

    # Alarms and idleness

    def _set_alarm(self, loaded: LoadedRoom) -> None:
        """See that the room's alarm rings. A timer that rings too early is set again: most moves only put it off."""
        due = self._due(loaded)
        if due is None or not self.rooms.holds(loaded):
            return
        at = self._loop.time() + max(0.0, (due - self._now()) / 1000)
        if loaded.timer is not None and loaded.rings_at <= at + 0.001:
            return
        self._ring(loaded, at)

    def _due(self, loaded: LoadedRoom) -> int | None:
        """The room's alarm; where the game cannot say, it is asked again later."""
        try:
            return ending.alarm(loaded.room)
        except Exception as error:
            self._mistake(loaded, error, "set a clock")
            return self._now() + int(ALARM_AGAIN_S * 1000)

    def _ring(self, loaded: LoadedRoom, at: float) -> None:
        loaded.stop_timer()
        loaded.timer, loaded.rings_at = self._loop.call_at(at, self._alarm, loaded), at

    def _alarm(self, loaded: LoadedRoom) -> None:
        loaded.timer = None
        due, now = self._due(loaded), self._now()  # Once: a moment that is neither before nor after would ring no more.
        if due is None or not self.rooms.holds(loaded):
            return
        if due > now:
            self._set_alarm(loaded)
        elif not loaded.waiting:
            self._wake(loaded)
            if not loaded.waiting:
                log.error("room.alarm_in_vain", room=loaded.id, seq=loaded.seq)
                self._ring(loaded, self._loop.time() + ALARM_AGAIN_S)

    def _wake(self, loaded: LoadedRoom) -> None:
        """Do what is due. If the game cannot, it is given up, or the room halts: a clock does not ring for ever."""
        for kind in (Wake, GiveUp, Halt):
            command = kind(id=f"{snake(kind.__name__)}.{loaded.tip_seq + 1}", room=loaded.id)
            if isinstance(command, Wake):
                command = replace(command, idle_turns=self._idle_turns)
            decided = self._system(loaded, command, lambda _: self.presence.woken(loaded))
            if loaded.waiting or (isinstance(decided, Nothing) and kind is Wake):
                return
            if isinstance(decided, WithoutEffect) and isinstance(decided.verdict, Refusal):
                self._mistake(loaded, decided.verdict, "decide", command=command.id)

    async def _mind_presence(self) -> None:
        """And have alarms follow a clock that was set, or a machine that stood still: their timers know of neither."""
        behind = self._now() - self._loop.time() * 1000
        while True:
            await asyncio.sleep(TICK_S)
            self.presence.tick()
            was, behind = behind, self._now() - self._loop.time() * 1000
            if abs(behind - was) > CLOCK_SET_MS:
                for loaded in self.rooms.all():
                    loaded.stop_timer()
                    self._set_alarm(loaded)

    async def _evict_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_S / 10)
            for loaded in self.rooms.all():
                if self._loop.time() - loaded.used_at > REST_S:
                    loaded.rest()
                over = loaded.room.info.status == "closed" or loaded.room.table.closes_at is not None
                idle = self._loop.time() - loaded.used_at > (IDLE_S * OVER_SHARE if over else IDLE_S)
                due = self._due(loaded)
                rings = due is not None and due - self._now() < IDLE_S * 1000
                if idle and not (loaded.waiting or rings or self.presence.anybody(loaded)):
                    if rests(loaded.room):  # Evicted when that is durable, at the next look.
                        self._system(loaded, Resting(id=f"resting.{loaded.tip_seq + 1}", room=loaded.id))
                        continue
                    try:
                        await self.rooms.release(loaded)
                    except StorageUnavailable as error:
                        log.warning("room.release_failed", room=loaded.id, reason=str(error))


def _answer(replies: list[Reply], answer: Committed | Refusal | Moved) -> None:
    for reply in replies:
        reply(answer)
