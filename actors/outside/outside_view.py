"""A room as one user may see it, made an answer; and by its rows alone, for those who have no part in it: so a room
needs no actor to be looked at from outside. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tavola.actors.log.logged import update_of
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.room.codec import room_of
from tavola.actors.room.state import Room
from tavola.actors.room.view import audience, hidden, watched, whole
from tavola.actors.wire.commands import Epoch, RoomId, Seq, UserId
from tavola.actors.wire.messages import GetView, Refusal, ViewAt
from tavola.actors.wire.refusals import NO_ROOM
from tavola.actors.wire.update import Audience, Update, audience_before
from tavola.storage.rows import Row

_json = msgspec.json.Encoder().encode


def has_part(room: Room, user: UserId) -> bool:
    """Whether the user sits, watches, or is the host."""
    return user == room.info.host or audience(room, user) == "inside"


def seen(
    room: Room, seq: Seq, told: Epoch, recent: Sequence[Update], look: GetView, *, stale: bool
) -> ViewAt | Refusal:
    """The whole view that is asked for, or that there is no such room for its viewer; `recent` are the last updates
    that led to it, the last of them committed at `told`."""
    user, as_spectator = look.sender.user, look.as_spectator
    if hidden(room, user, look.code):
        return NO_ROOM
    stands = audience(room, user)
    view = {
        "seq": seq,
        "epoch": told,
        "at": room.table.at,
        "stale": stale,
        **(watched(room, user) if as_spectator else whole(room, user)),
        "recent": list(_told(recent, user, audience_before(recent, user, stands), as_spectator)),
    }
    return ViewAt(seq, told, room.table.at, stands, _json(view), stale, has_part(room, user))


def _told(recent: Iterable[Update], user: UserId, saw: Audience, as_spectator: bool) -> Iterable[dict[str, Any]]:
    for update in recent:
        saw = update.audience_after(user, saw)
        events = update.shared(saw)[0] if as_spectator else update.shown_to(user, saw)[0]
        yield {"seq": update.seq, "epoch": update.epoch, "at": update.at, "events": msgspec.Raw(events)}


def from_outside(row: Row, last: Iterable[Row], look: GetView) -> ViewAt | Refusal | None:
    """The view that its viewer has of the room in a row of `load_glimpse`, with the rows of `log_last`. None for a
    user with a part in it: only its actor answers them. Raises `Corrupted`."""
    room = room_of(row)
    try:
        if has_part(room, look.sender.user):
            return None
        recent = [update_of(RoomId(row["id"]), one) for one in last]
        told = recent[-1].epoch if recent else Epoch(0)
        return seen(room, Seq(row["seq"]), told, recent, look, stale=False)
    except Corrupted:
        raise
    except Exception as error:  # Well-formed, and yet nothing that the game or the log ever wrote.
        raise Corrupted(row["id"], row["seq"], f"{type(error).__name__} on reading state and log") from error
