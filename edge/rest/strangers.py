"""Private rooms, as REST knows them: for a stranger who names one by its id there is no such room.

What a room's actor is asked, the actor refuses itself (`actors.room.view.hidden`).
"""

from __future__ import annotations

from tavola.edge.rest.rest import Call
from tavola.storage.postgres import Database


async def hidden(database: Database, call: Call) -> bool:
    """Whether there is no such room for the caller: it is private, and they have neither its code nor a part in it."""
    return not call.code and await database.row("hidden", call.room, call.identity.user) is not None
