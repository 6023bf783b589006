"""An update as the feed tells it: as any spectator saw it, or whole. The room's actor has decided what spectators see
(`actors/room/view.py`); here it is no more than taken out of the log's row."""

from __future__ import annotations

from typing import Any

import msgspec

from tavola.actors.log.logged import LogText, logged_of, update_in
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.wire.commands import RoomId
from tavola.storage.rows import Row

STATES = ("kept",)
"""Members of commands that hold a whole room, cards to come among it."""


class FedPrivate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One user's part of an update, on top of the others' or in their place, as on the wire."""

    events: list[dict[str, Any]] | None = None
    patch: dict[str, Any] | None = None


class FedUpdate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One update of a room, with the members of the socket's `update`; `id` names it for good. A token with `log` is
    also told who sent which command (no `user_id`: the runtime itself), and what single users were shown.
    `unreadable`: the log's row is damaged."""

    id: str
    room: str
    game: str
    seq: int
    epoch: int
    at: int
    events: list[dict[str, Any]]
    patch: dict[str, Any] | None = None
    user_id: str | None = None
    display_name: str | None = None
    command: dict[str, Any] | None = None
    private: dict[str, FedPrivate] | None = None
    unreadable: bool = False


def fed(row: Row, *, whole: bool) -> FedUpdate:
    """The update in a row of the log, as spectators saw it, or `whole`."""
    room, seq, epoch = RoomId(row["room_id"]), row["seq"], row["epoch"]
    known = (f"{room}.{seq}.{epoch}", room, row["game"], seq, epoch, row["at"])
    try:
        text = logged_of(room, row)
        update = update_in(text, room, row)
        events, patch = update.shared("inside")
        shown = FedUpdate(*known, _decode(events), _decode(patch) if patch else None)
        return _with_the_rest(shown, row, text) if whole else shown
    except (Corrupted, msgspec.MsgspecError):
        return FedUpdate(*known, [], unreadable=True)


def _with_the_rest(shown: FedUpdate, row: Row, text: LogText) -> FedUpdate:
    update = update_in(text, RoomId(shown.room), row)
    command = {name: value for name, value in _decode(bytes(text.command)).items() if name not in STATES}
    private = {
        user: FedPrivate(
            _decode(part.events) if part.events else None,
            _decode(part.patch) if part.patch else None,
        )
        for user, part in update.users.items()
        if part.events or part.patch
    }
    return msgspec.structs.replace(
        shown,
        user_id=row["user_id"],
        display_name=text.user_name,
        command=command,
        private=private or None,
    )


_decode = msgspec.json.Decoder().decode
