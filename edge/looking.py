"""Whole views: a room's actor gives them. One that has no actor is given one only for those who have a part in it; to
everybody else it is shown from its rows, and goes on sleeping.
"""

from __future__ import annotations

from actors.commands import Epoch, RoomId, Sender
from actors.glimpse import RECENT, from_outside
from actors.load import Corrupted
from actors.messages import Answer, Look, No, Seen
from edge.games_api import corrupted
from edge.router import ASLEEP, AWAY, NO_ROOM, Router
from storage.postgres import Database, StorageUnavailable


class Looking:
    def __init__(self, router: Router, database: Database) -> None:
        self._router = router
        self._database = database

    async def look(
        self, room: RoomId, sender: Sender, *, code: str = "", as_spectator: bool = False, has_part: bool = False
    ) -> Answer:
        """`Seen` or a refusal. `code`: the room's, as they know it; `has_part`: they are known to sit, to watch, or to
        be the host."""

        def look(epoch: Epoch) -> Look:
            return Look(epoch, sender, room, as_spectator, code)

        answer = await self._router.ask(room, look, rouse=has_part)
        if answer is not ASLEEP:
            return answer
        seen = await self._asleep(look(Epoch(0)))
        return seen if seen is not None else await self._router.ask(room, look)

    async def _asleep(self, look: Look) -> Seen | No | None:
        """What is seen from outside; None for who has a part in the room."""
        try:
            row = await self._database.row("load_glimpse", look.room, look.sender.user)
            if row is None:
                return NO_ROOM
            last = await self._database.rows("log_last", look.room, row["seq"], RECENT)
            return from_outside(row, last, look)
        except StorageUnavailable:
            return AWAY
        except Corrupted as error:
            return corrupted(error)
