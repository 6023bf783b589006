"""One room in an actor's memory: what is committed, what is decided on top of it, and what was answered lately."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from tavola.actors.host.answers import Answered, Answers, Key, marked
from tavola.actors.host.following_edges import FollowingEdges
from tavola.actors.host.recent_updates import RecentUpdates
from tavola.actors.host.room_presence import RoomPresence
from tavola.actors.log.logged import LogText, logged_of, text_of, update_in
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.room import codec
from tavola.actors.room.incoming import trimmed
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Room, Unchanged
from tavola.actors.room.view import Projection
from tavola.actors.wire import update
from tavola.actors.wire.commands import AnyCommand, CommandId, Epoch, RoomId, Sender, Seq, UserId
from tavola.actors.wire.given import GivenRecord
from tavola.actors.wire.messages import Answer, Request
from tavola.actors.wire.update import Update
from tavola.actors.wire.view import RECENT
from tavola.games.base import NO_CHANCE, Entropy, Refusal
from tavola.storage.packing import mark_of
from tavola.storage.rows import Row

Reply = Callable[[Answer], None]

given_of = msgspec.json.Decoder(GivenRecord).decode
"""Reads what a command gave its sender."""


class Pending(msgspec.Struct):
    """A command on its way, of which nothing is decided."""

    loaded: LoadedRoom
    sender: Sender
    command: AnyCommand
    replies: list[Reply]
    give_up_at: float
    """When (on the loop's clock) it is refused if storage has not answered."""
    code: str = ""
    """The room's, if the sender named it."""
    traceparent: str = ""
    """If it is traced: the place in the trace that this is part of."""
    key: Key = (UserId(""), CommandId(""))
    """Made of the sender and the command."""

    def __post_init__(self) -> None:
        self.key = (self.sender.user, cast(CommandId, self.command.id))


class Accepted(msgspec.Struct):
    """A command with an effect, which waits for its commit: what it does, and what is shown of that."""

    pending: Pending
    text: bytes
    """The command as it is logged."""
    entropy: Entropy
    decision: Decision
    update: Update
    projection: Projection


class WithoutEffect(msgspec.Struct):
    """A command that is refused, or changes nothing, on top of what is decided: it waits for the commit of that."""

    pending: Pending
    verdict: Refusal | Unchanged


Decided = Accepted | WithoutEffect
"""The outcome of a `Pending`. Should the commit fail, that is decided again."""


class LoadedRoom:
    """A loaded room. `room`, `seq` and `projection` are what Postgres has; `tip` and on are what it will have."""

    def __init__(self, row: Row, recent: list[Row]) -> None:
        """From a row of `load_room` and the rows of `log_last`. Raises `Corrupted`."""
        self.id = RoomId(row["id"])
        self.epoch = Epoch(row["epoch"])
        self.seq = Seq(row["seq"])
        self.seq_epoch = Epoch(recent[-1]["epoch"] if recent else 0)
        """The epoch at which `seq` was committed."""
        self.room: Room = codec.room_of(row)
        self.stored_alarm: int | None = row["alarm_at"]
        try:
            with codec.told(self.id, self.seq):
                self._read(recent)
        except Corrupted:
            raise
        except Exception as error:  # Well-formed, and yet nothing that the game or the log ever wrote.
            raise Corrupted(self.id, self.seq, f"{type(error).__name__} on reading state and log") from error
        self.tip, self.tip_seq, self.tip_projection = self.room, self.seq, self.projection
        self.waiting: dict[Key, Decided] = {}
        """Commands decided and not yet committed, in order."""
        self.timer: asyncio.TimerHandle | None = None
        self.rings_at = 0.0
        """When `timer` rings, on the loop's clock (uvloop's own handles do not all know)."""
        self.recover = True
        """Time was lost: before the next command, players get it back."""
        self.used_at = 0.0
        self.unwritable = False
        """The rows of a decision could not be made: before the next of our own is decided, its rows are tried. If
        these cannot be made either, the alarm does something else."""
        self.presence = RoomPresence()
        self.following = FollowingEdges()
        self.held: list[tuple[Request, Reply]] | None = None
        """Requests that wait while the room goes to another actor; None: it stays (`handing_over`)."""

    def _read(self, recent: list[Row]) -> None:
        self.projection: Projection | None = Projection(self.room)
        """None of a room at rest."""
        logged = [logged_of(self.id, row) for row in recent]
        updates = (update_in(text, self.id, row) for text, row in [*zip(logged, recent, strict=True)][-RECENT:])
        self.recent = RecentUpdates(map(update.encode, updates))
        self.answered = Answers()
        self.forgetful = self.seq > len(recent)
        """There may have been commands that are not in `answered`."""
        for text, row in zip(logged, recent, strict=True):
            if row["user_id"]:
                self.remember((row["user_id"], row["command_id"]), answered_of(self.room, row, text))

    def remember(self, key: Key, answered: Answered) -> None:
        if self.answered.remember(key, answered):
            self.forgetful = True

    def put(self, pending: Pending, decision: Decision, entropy: Entropy) -> Accepted:
        """`decision` is what `pending` does: the tip moves on."""
        seq = Seq(self.tip_seq + 1)
        if self.tip_projection is None:
            self.tip_projection = Projection(self.tip)
        shown, projection = self.tip_projection.show(decision, seq, self.epoch)
        used = entropy if decision.drawn else NO_CHANCE
        accepted = Accepted(pending, text_of(pending.command), used, decision, shown, projection)
        self.tip, self.tip_seq, self.tip_projection = decision.room, seq, projection
        return accepted

    def settle(self, accepted: Accepted) -> bytes:
        """`accepted` is committed: it becomes what Postgres has. Its update, encoded."""
        shown, pending = accepted.update, accepted.pending
        self.room, self.seq, self.projection = accepted.decision.room, shown.seq, accepted.projection
        self.seq_epoch = shown.epoch
        message = update.encode(shown)
        self.recent.append(message)
        if pending.sender.user:
            self.remember(pending.key, Answered(self.seq, accepted.decision.give, mark_of(accepted.text)))
        return message

    def rest(self) -> None:
        """Nobody has used it for a while: it takes less memory until somebody does."""
        self.recent.pack()
        if not self.waiting:
            self.projection = self.tip_projection = None

    def roll_back(self) -> None:
        """Forget what was decided beyond the last commit."""
        self.tip, self.tip_seq, self.tip_projection = self.room, self.seq, self.projection
        self.waiting.clear()

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def answered_of(room: Room, row: Row, logged: LogText) -> Answered:
    """The answer to a command in a row of the log, whose text it is. Its mark is that of the command as it would be
    logged today."""
    sender = Sender(UserId(row["user_id"]), logged.user_name)
    command = trimmed(room, sender, codec.command_of(logged.command, codec.decided_at(row), game_of(room)))
    return Answered(Seq(row["seq"]), given_of(logged.answer).read(), marked(command))
