"""The past of a room as one user saw it, a page at a time, from the log."""

from __future__ import annotations

from tavola.actors.room.codec import update_of
from tavola.actors.wire.commands import RoomId, Seq
from tavola.actors.wire.update import Audience, frames
from tavola.edge.identity.auth import Identity
from tavola.edge.ws.connection import Services


async def past(
    services: Services, room: RoomId, identity: Identity, after: Seq, limit: int
) -> tuple[list[bytes] | None, int]:
    """The updates after `after` as this user saw them, and the room's seq. None: no such room."""
    stands = await services.database.row("audience_of", room_id=room, user_id=identity.user)
    if stands is None or stands["seq"] is None:
        return None, 0
    seq = stands["seq"]
    audience: Audience = "inside" if stands["inside"] else "outside"
    page = [
        update_of(room, row)
        for row in await services.database.rows(
            "log_after", room_id=room, after=after, most=max(0, min(limit, seq - after))
        )
    ]
    last = after + len(page)
    while last < seq and not any((part := u.users.get(identity.user)) and part.was for u in page):
        # Where they stood at the page's end is told by the next update that moved them, if there is one.
        row = await services.database.row("moved_after", room_id=room, after=last, user_id=identity.user)
        if row is None:
            break
        update = update_of(room, row)
        if (part := update.users.get(identity.user)) is not None and part.was is not None:
            audience = part.was
            break
        last = update.seq
    return frames(page, identity.user, audience), seq
