"""Whole views: a room's actor gives them. One that has no actor is given one only for those who have a part in it; to
everybody else it is shown from its rows, by any actor, and goes on sleeping.
"""

from __future__ import annotations

from tavola.actors.wire.commands import Epoch, RoomId, Sender
from tavola.actors.wire.errands import AskErrand, Glimpse, HasPart
from tavola.actors.wire.messages import Answer, GetView, Refusal, ViewAt
from tavola.actors.wire.refusals import ASLEEP, NO_ROOM, NO_SERVER, away
from tavola.actors.wire.view import RECENT
from tavola.edge.routing.router import Router
from tavola.storage.postgres import Database, StorageUnavailable


class ViewLookup:
    def __init__(self, router: Router, database: Database, ask: AskErrand) -> None:
        self._ask = ask
        self._router = router
        self._database = database

    async def look(
        self, room: RoomId, sender: Sender, *, code: str = "", as_spectator: bool = False, has_part: bool = False
    ) -> Answer:
        """`ViewAt` or a refusal. `code`: the room's, as they know it; `has_part`: they are known to sit, to watch, or
        to be the host."""

        def look(epoch: Epoch) -> GetView:
            return GetView(epoch, sender, room, as_spectator, code)

        answer = await self._router.ask(room, look, rouse=has_part)
        if answer is not ASLEEP:
            return answer
        seen = await self._asleep(look(Epoch(0)))
        return seen if seen is not None else await self._router.ask(room, look)

    async def _asleep(self, look: GetView) -> ViewAt | Refusal | None:
        """The view from outside; None for a user with a part in the room."""
        try:
            row = await self._database.row("load_glimpse", room_id=look.room, user_id=look.sender.user)
            if row is None:
                return NO_ROOM
            last = await self._database.rows("log_last", rooms=[look.room], seqs=[row["seq"]], most=RECENT)
        except StorageUnavailable as error:
            return away(full=error.full)
        seen = await self._ask(Glimpse(look, dict(row), [dict(one) for one in last]))
        if isinstance(seen, HasPart):
            return None
        return seen if isinstance(seen, ViewAt | Refusal) else NO_SERVER
