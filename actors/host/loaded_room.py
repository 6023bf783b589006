"""One room in an actor's memory: what is committed, what is decided on top of it, and what was answered lately."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from tavola.actors.host.answers import Answered, Answers, Key, mark_of, marked
from tavola.actors.host.whereabouts import RoomPresence
from tavola.actors.room import codec
from tavola.actors.room.incoming import trimmed
from tavola.actors.room.outside_view import RECENT
from tavola.actors.room.state import Decision, Room, Unchanged
from tavola.actors.room.view import Projection
from tavola.actors.wire import update
from tavola.actors.wire.commands import AnyCommand, CommandId, Epoch, RoomId, Sender, Seq
from tavola.actors.wire.messages import Answer
from tavola.actors.wire.update import Update
from tavola.games.base import Entropy, Refused
from tavola.storage.rows import Row

Reply = Callable[[Answer], None]


class RoomEntry(msgspec.Struct):
    """A command on its way: decided, waiting for its commit. One without effect waits too, for those before it."""

    slot: LoadedRoom
    sender: Sender
    command: AnyCommand
    replies: list[Reply]
    give_up_at: float
    """When (on the loop's clock) it is refused if storage has not answered."""
    code: str = ""
    """The room's, if the sender named it."""
    entropy: Entropy = Entropy(b"")
    text: bytes = b""
    """The command as it is logged, once it is."""
    verdict: Decision | Unchanged | Refused | None = None
    update: Update | None = None
    projection: Projection | None = None

    @property
    def key(self) -> Key:
        return self.sender.user, CommandId(self.command.id)


class LoadedRoom:
    """A loaded room. `room`, `seq` and `projection` are what Postgres has; `tip` and on are what it will have."""

    def __init__(self, row: Row, recent: list[Row]) -> None:
        """From a row of `load_room` and the rows of `log_last`. Raises `Corrupted`."""
        self.id = RoomId(row["id"])
        self.epoch = Epoch(row["epoch"])
        self.seq = Seq(row["seq"])
        self.told = Epoch(recent[-1]["epoch"] if recent else 0)
        """The epoch at which `seq` was committed."""
        self.room: Room = codec.room_of(row)
        self.stored_alarm: int | None = row["alarm_at"]
        try:
            self._read(recent)
        except Exception as error:  # Well-formed, and yet nothing that the game or the log ever wrote.
            raise codec.Corrupted(self.id, self.seq, f"{type(error).__name__} on reading state and log") from error
        self.tip, self.tip_seq, self.tip_projection = self.room, self.seq, self.projection
        self.waiting: dict[Key, RoomEntry] = {}
        """Commands decided and not yet committed, in order."""
        self.timer: asyncio.TimerHandle | None = None
        self.rings_at = 0.0
        """When `timer` rings, on the loop's clock (uvloop's own handles do not all know)."""
        self.recover = True
        """Time was lost: before the next command, players get it back."""
        self.used_at = 0.0
        self.whereabouts = RoomPresence()

    def _read(self, recent: list[Row]) -> None:
        self.projection = Projection(self.room)
        updates = (codec.update_of(self.id, row) for row in recent[-RECENT:])
        self.recent: deque[bytes] = deque(map(update.encode, updates), maxlen=RECENT)
        """The last updates, encoded: as objects they would take twice the memory."""
        self.answered = Answers()
        self.forgetful = self.seq > len(recent)
        """There may have been commands that are not in `answered`."""
        for r in recent:
            if r["user_id"]:
                self.remember((r["user_id"], r["command_id"]), answered_of(self.room, r))

    def remember(self, key: Key, answered: Answered) -> None:
        if self.answered.remember(key, answered):
            self.forgetful = True

    def put(self, entry: RoomEntry, decision: Decision) -> None:
        """`decision` is what `entry` does: the tip moves on."""
        seq = Seq(self.tip_seq + 1)
        entry.update, entry.projection = self.tip_projection.show(decision, seq, self.epoch)
        self.tip, self.tip_seq, self.tip_projection = decision.room, seq, entry.projection

    def settle(self, entry: RoomEntry) -> None:
        """`entry` is committed: it becomes what Postgres has."""
        assert isinstance(entry.verdict, Decision)
        assert entry.update is not None
        assert entry.projection is not None
        self.room, self.seq, self.projection = entry.verdict.room, entry.update.seq, entry.projection
        self.told = entry.update.epoch
        self.recent.append(update.encode(entry.update))
        if entry.sender.user:
            self.remember(entry.key, Answered(self.seq, entry.verdict.give, mark_of(entry.text)))

    def roll_back(self) -> None:
        """Forget what was decided beyond the last commit."""
        self.tip, self.tip_seq, self.tip_projection = self.room, self.seq, self.projection
        self.waiting.clear()

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def answered_of(room: Room, row: Row) -> Answered:
    """What a command in a row of the log was given. Its mark is that of the command as it would be logged today."""
    command = trimmed(room, codec.command_of(row["command"]))
    return Answered(Seq(row["seq"]), msgspec.json.decode(row["answer"]), marked(command))
