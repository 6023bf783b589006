"""An operator's command, decided in the place of a room's actor, in whichever process the operator is.

The room is taken from its actor first: the epoch is raised, so that nothing that the actor has under way can be
committed any more, and it owns the room no longer. Then one command is decided and committed as an actor would, with
the same fence. Edges find the update by the log, and whoever comes next places the room again. A death in between
leaves a room without an actor, as an idle one is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tavola.actors.host.answers import REMEMBERED
from tavola.actors.host.commit_writer import write
from tavola.actors.host.entropy import Source
from tavola.actors.host.loaded_room import LoadedRoom, Pending
from tavola.actors.host.rooms import RETRY_S
from tavola.actors.room.decide import decide
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import OPERATOR, AnyCommand, RoomId
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import BROKEN, NO_ROOM, STORAGE_AWAY
from tavola.actors.wire.update import Update
from tavola.storage.measures import Measures
from tavola.storage.postgres import Database

TRIES = 10
"""So often it is tried again, when somebody has placed the room meanwhile."""


class StandIn:
    def __init__(self, database: Database, signer: GrantSigner, now: Callable[[], int]) -> None:
        """`now` in milliseconds since the epoch."""
        self._database = database
        self._connection = database.lane()
        self._signer = signer
        self._now = now
        self._entropy = Source()

    async def carry_out(self, command: AnyCommand) -> Update | Refusal:
        """Decide and commit `command` as the operator's. On an update it is durable; on a refusal nothing changed,
        except on `storage_unavailable`, when it may have. Raises `Corrupted`, `StorageUnavailable`, and whatever the
        game does."""
        room = RoomId(command.room)
        for _ in range(TRIES):
            if await self._database.row("take_room", room_id=room) is None:
                return NO_ROOM
            loaded = await self._load(room)
            if loaded is None:
                return NO_ROOM
            entropy = self._entropy.draw()
            verdict = decide(loaded.room, OPERATOR, command, self._now(), entropy)
            if not isinstance(verdict, Decision):
                return verdict if isinstance(verdict, Refusal) else BROKEN
            accepted = loaded.put(Pending(loaded, OPERATOR, command, [], 0.0), verdict, entropy)
            outcome = await write(self._database, self._connection, self._signer, [accepted], Measures())
            if loaded in outcome.written:
                return accepted.update
            if outcome.broken:
                raise outcome.broken[loaded]
            if loaded in outcome.doubtful:
                return STORAGE_AWAY
            await asyncio.sleep(RETRY_S)
        return BROKEN

    async def _load(self, room: RoomId) -> LoadedRoom | None:
        row = await self._database.row("load_room", rooms=[room])
        if row is None:
            return None
        return LoadedRoom(row, await self._database.rows("log_last", rooms=[room], seqs=[row["seq"]], most=REMEMBERED))
