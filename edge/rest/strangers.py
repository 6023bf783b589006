"""Private rooms, as REST knows them: for a stranger who names one by its id there is no such room.

A request to a room's actor is refused by the actor itself (`actors.room.view.hidden`).
"""

from __future__ import annotations

from tavola.edge.rest.rest import Call
from tavola.storage.postgres import Database


async def hidden(database: Database, call: Call) -> bool:
    """Whether there is no such room for the caller: it is private, and they have neither its code nor a part in it."""
    return not call.code and await database.row("hidden", room_id=call.room, user_id=call.identity.user) is not None
