"""The messages between an edge and a room actor: requests one way, answers the other. The line carries them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tavola.actors.wire.commands import AnyCommand, Epoch, RoomId, Sender, Seq, UserId
from tavola.actors.wire.given import NO_RECORD, GivenRecord
from tavola.actors.wire.update import Audience
from tavola.games.base import Refusal as Refusal


class Submit(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Decide this command. `epoch` is where the edge believes the room to be, `code` the room's code, where the sender
    named it: a private room knows no stranger without. `traceparent`: the place in a trace that this is part of, if the
    command is traced; it is no part of the command."""

    epoch: Epoch
    sender: Sender
    command: AnyCommand
    code: str = ""
    traceparent: str = ""

    @property
    def room(self) -> RoomId:
        return RoomId(self.command.room)


class GetView(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Give the whole view of the room as `sender` may see it; with `as_spectator`, what a spectator in their place sees
    (never more than their own). `code` as in `Submit`."""

    epoch: Epoch
    sender: Sender
    room: RoomId
    as_spectator: bool = False
    code: str = ""


class Activate(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Have the room loaded, so that its alarm runs."""

    epoch: Epoch
    room: RoomId


class Evict(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Drop the room from memory. The stored room stays."""

    epoch: Epoch
    room: RoomId


class ReportPresence(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Of the users who follow the room, `here` have a socket on this edge from now on, and `gone` have none there any
    more; `lately` have none, and have made a request, which counts for so many ms from now. Said again, it changes
    nothing; what an edge has said is forgotten some time after its line was cut."""

    epoch: Epoch
    room: RoomId
    edge: str
    here: tuple[UserId, ...] = ()
    gone: tuple[UserId, ...] = ()
    lately: tuple[tuple[UserId, int], ...] = ()
    follows: bool | None = None
    """Whether anybody on this edge follows the room, and it shall be told of it (`UpdateTold`). None: the edge is of a
    release before, which hears of it by Redis alone."""


class Listen(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """From now on say on this line where the actor's rooms stand: once of all that are loaded, then of those that
    change (`RoomsAt`). Said only to an actor whose hello says that it tells; not answered."""


class HandOver(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Give the room to another actor between two moves: to `to`, or to any that has room; with `quiet` only between
    rounds, or when nobody has done anything for a second. Said only to an actor whose hello says that it can
    (`HANDS_OVER`)."""

    epoch: Epoch
    room: RoomId
    to: str = ""
    quiet: bool = False


class Prepare(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Read the room, which another actor has, as if it were to be loaded here. So it is known whether this actor's code
    can, and the room that comes finds it warm. Said only to an actor whose hello says that it can (`HANDS_OVER`)."""

    epoch: Epoch
    room: RoomId


class Committed(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Durable at `seq`. `update` is the encoded `actors.wire.update.Update`, or empty for an answer given before and
    for a command that changed nothing (`give` says `unchanged` then)."""

    seq: Seq
    give: GivenRecord = NO_RECORD
    update: bytes = b""


class Moved(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """This actor does not own the room at that epoch: look the room up again and ask there, with the same id."""


class ViewAt(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """`view` is the JSON of protocol.md section 4, as of the update `seq`, committed at `epoch`. `has_part`: its
    viewer sits, watches, or is the host."""

    seq: Seq
    epoch: Epoch
    at: int
    audience: Audience
    view: bytes
    stale: bool = False
    has_part: bool = False


class Ok(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """An `Activate`, an `Evict`, a `ReportPresence` or a `Prepare` has been carried out."""


class HandedOver(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """The room belongs to `actor` now, which listens at `address`."""

    epoch: Epoch
    actor: str
    address: str


class RoomAt(msgspec.Struct, frozen=True, array_like=True):
    """A room that an actor owns at `epoch` is at `seq`, which was committed at the epoch `shown`."""

    room: RoomId
    seq: Seq
    shown: Epoch
    epoch: Epoch


class RoomGone(msgspec.Struct, frozen=True, array_like=True):
    """A room that another actor has now."""

    room: RoomId
    epoch: Epoch
    actor: str
    address: str


class RoomsAt(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Nobody asked for it: where rooms stand that changed, the rooms that this actor has let go of, and of these where
    those are that it has handed over."""

    rooms: tuple[RoomAt, ...] = ()
    let_go: tuple[RoomId, ...] = ()
    gone: tuple[RoomGone, ...] = ()


class UpdateTold(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Nobody asked for it: an update of a room that the edge follows, encoded, which it was not given with an answer.
    Told only to an edge that says that it `follows` (`ReportPresence`)."""

    room: RoomId
    update: bytes


class PresenceAt(msgspec.Struct, frozen=True, tag_field="type", tag="presence"):
    """Whether a player or spectator is there. As JSON it is the `presence` frame of protocol.md, and what is
    published about it: only to be shown to those inside the room."""

    room: RoomId
    user_id: UserId
    status: Literal["active", "away", "disconnected"]


class AnnouncementAt(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="announcement"):
    """A server's words to all who follow a room, which have no number. As JSON it is the frame of protocol.md."""

    room: RoomId
    service: str
    text: str
    data: dict[str, Any] = {}


Fleeting = PresenceAt | AnnouncementAt
"""The contents of the channel for what has no number and may be lost."""

Request = Submit | GetView | Activate | Evict | ReportPresence | HandOver | Prepare
Answer = Committed | Refusal | Moved | ViewAt | Ok | HandedOver
Told = RoomsAt | UpdateTold
"""The part of what an actor says that nobody asked for."""
