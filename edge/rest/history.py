"""The past of a room as one user saw it, a page at a time, from the log."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tavola.actors.log.logged import update_of
from tavola.actors.wire.commands import RoomId, Seq, UserId
from tavola.actors.wire.errands import Recall
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.update import Audience, Update, audience_before, frames
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.rewind import recalled
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import Database

_audience = msgspec.json.Decoder(Audience).decode
STRETCH = 200
"""Updates that are read at once to find out where somebody stood."""


class Missed(NamedTuple):
    """Updates of a room as somebody saw them. `next` is the `after` for more, if there are more."""

    updates: list[bytes]
    next: int | None


async def past(services: Services, room: RoomId, identity: Identity, after: Seq, limit: int) -> Missed | Refusal | None:
    """The updates after `after` as this user saw them; retention may have taken the first of them. None: no such room.
    Refused where nobody can say it, and raises `Corrupted`."""
    stands = await services.database.row("audience_of", room_id=room, user_id=identity.user)
    if stands is None or stands["seq"] is None:
        return None
    seq = stands["seq"]
    page = await _updates(services.database, room, after, max(0, min(limit, seq - after)))
    last = page[-1].seq if page else seq
    now: Audience = "inside" if stands["inside"] else "outside"
    if page and last < seq and not _moved(page, identity.user):
        found = await _audience_at(services, room, identity.user, last, seq, now)
        if isinstance(found, Refusal):
            return found
        now = found
    return Missed(frames(page, identity.user, now), last if last < seq else None)


async def _audience_at(
    services: Services, room: RoomId, user: UserId, at: int, seq: int, now: Audience
) -> Audience | Refusal:
    """Where `user` stood after the update `at`, given where they stand `now`, at `seq`. The next checkpoint tells, or
    the first update before it that moved them: they are a hand apart, whatever else there is in the log."""
    database = services.database
    kept = await database.row("checkpoint_from", room_id=room, seq=at)
    if kept is not None and kept["seq"] < seq:
        seq = kept["seq"]
        then = await recalled(services.errand, Recall(room, seq, kept["state"], "audience", user))
        if isinstance(then, Refusal):
            return then
        now = _audience(then)
    while at < seq:
        stretch = await _updates(database, room, at, min(STRETCH, seq - at))
        if _moved(stretch, user):
            return audience_before(stretch, user, now)
        if not stretch:
            break
        at = stretch[-1].seq
    return now


def _moved(updates: list[Update], user: UserId) -> bool:
    return any((part := update.users.get(user)) is not None and part.was is not None for update in updates)


async def _updates(database: Database, room: RoomId, after: int, most: int) -> list[Update]:
    rows = await database.rows("log_after", room_id=room, after=after, most=most)
    return [update_of(room, row) for row in rows]
