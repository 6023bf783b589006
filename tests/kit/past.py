"""A room as it was, replayed in this process."""

from __future__ import annotations

from tavola.actors.errands.doing import here
from tavola.actors.past.archive import opened
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.messages import Refusal
from tavola.edge.rest.rewind import Rewind
from tavola.storage.postgres import Database


async def room_at(database: Database, room: RoomId, seq: int) -> Room | Refusal:
    found = await Rewind(database, here).room_at(room, seq)
    return found if isinstance(found, Refusal) else opened(room, seq, found)
