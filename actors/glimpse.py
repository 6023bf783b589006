"""A room as one user may see it, made an answer; and by its rows alone, for those who have no part in it: so a room
needs no actor to be looked at from outside. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from actors.commands import Epoch, RoomId, Seq, UserId
from actors.load import Corrupted, room_of, update_of
from actors.messages import Seen
from actors.state import Room
from actors.update import Audience, Update, audience_before
from actors.view import audience, watched, whole
from storage.postgres import Row

RECENT = 20
"""How many updates a view shows under `recent`."""

_json = msgspec.json.Encoder().encode


def has_part(room: Room, user: UserId) -> bool:
    """Whether the user sits, watches, or is the host."""
    return user == room.info.host or audience(room, user) == "inside"


def seen(
    room: Room, seq: Seq, epoch: Epoch, recent: Sequence[Update], user: UserId, *, as_spectator: bool, stale: bool
) -> Seen:
    """The whole view of `user`; `recent` are the last updates that led to it."""
    stands = audience(room, user)
    view = {
        "seq": seq,
        "at": room.table.at,
        "stale": stale,
        **(watched(room, user) if as_spectator else whole(room, user)),
        "recent": list(_told(recent, user, audience_before(recent, user, stands), as_spectator)),
    }
    return Seen(seq, epoch, room.table.at, stands, _json(view), stale, has_part(room, user))


def _told(recent: Iterable[Update], user: UserId, saw: Audience, as_spectator: bool) -> Iterable[dict[str, Any]]:
    for update in recent:
        saw = update.audience_after(user, saw)
        events = update.shared(saw)[0] if as_spectator else update.shown_to(user, saw)[0]
        yield {"seq": update.seq, "at": update.at, "events": msgspec.Raw(events)}


def from_outside(row: Row, last: Iterable[Row], user: UserId, *, as_spectator: bool) -> Seen | None:
    """What `user` sees of the room in a row of `load_glimpse`, with the rows of `log_last`. None for who has a part in
    it: only its actor answers them. Raises `Corrupted`."""
    room = room_of(row)
    try:
        if has_part(room, user):
            return None
        recent = [update_of(RoomId(row["id"]), one) for one in last]
        return seen(room, Seq(row["seq"]), Epoch(row["epoch"]), recent, user, as_spectator=as_spectator, stale=False)
    except Exception as error:  # Well-formed, and yet nothing that the game or the log ever wrote.
        raise Corrupted(row["id"], row["seq"], f"{type(error).__name__} on reading state and log") from error
