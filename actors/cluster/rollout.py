"""Code is rolled out: rooms go from actors of other code to those of the target's, at a rate, each only if that code
can read it; then edges are told to end, one after the other, for what runs them to start them again; stewards end last,
each by itself (`steward_process`). Everything is by rows: the steward that does the rounds goes on where another was,
and it may be paused or turned back at any point.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from tavola.actors.cluster.ceiling import Full
from tavola.actors.cluster.directory import ClusterUnavailable, Directory, NoSuchRoom, RoomUnreadable
from tavola.actors.cluster.mover import MoveOutcome, Mover
from tavola.actors.wire.commands import RoomId
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

log = structlog.get_logger()

ROUND_S = 1.0
WISH_AGAIN_S = 15.0
"""How often the first actor of the target's code is wished for, until there is one."""
REFUSED_S = 60.0
"""After so long a room that the target's code could not read is tried again."""
REFUSED_LIMIT = 10_000
"""Rooms of which that is known; beyond, they are tried again at once."""
ORDERED_MS = 3_600_000
"""So long an order to end is kept for an edge."""
BY = "tavola rollout"
"""The operator by whom the order is, as it is listed."""


class RollOut:
    """`round` may be called by itself. `now` gives milliseconds since the epoch, and `end_actor` ends one."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        mover: Mover,
        end_actor: Callable[[str], Awaitable[None]],
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._directory = directory
        self._mover = mover
        self._end_actor = end_actor
        self._now = now
        self._refused: dict[RoomId, float] = {}
        """Until when (on the loop's clock) rooms that the target's code could not read are left alone."""
        self._wished_at = float("-inf")
        self._target = ""

    async def round(self) -> None:
        """Do what is next of the roll-out that is under way, if one is."""
        row = await self._database.row("rollout")
        if row is None or row["ended"] or row["paused"]:
            self._mover.close()
            return
        if row["target"] != self._target:
            self._target, self._wished_at = row["target"], float("-inf")
            self._refused.clear()
        if not row["begun"]:
            await self._begin()
            return
        await self._move(row)
        await self._end_empty()
        if row["actors_left"]:
            return
        if row["edges_left"] > row["edges_stay"]:
            await self._next_edge(row)
        elif row["edges_left"] or row["nodes_left"]:
            return
        elif await self._database.row("end_rollout", target=self._target) is not None:
            log.info("rollout.done", code=self._target)

    async def _begin(self) -> None:
        """Have an actor of that code started, before rooms are kept from others. Its node leaves none of other code."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._wished_at > WISH_AGAIN_S:
            self._wished_at = loop.time()
            await self._database.rows("wish_actor", id=secrets.token_hex(8))

    async def _move(self, row: Row) -> None:
        loop = asyncio.get_running_loop()
        self._refused = {room: until for room, until in self._refused.items() if until > loop.time()}
        most = max(1, round(row["a_second"] * ROUND_S))
        given: dict[str, Any] = {"target": self._target, "most": most, "without": list(self._refused)}
        rows = await self._database.rows("outdated_rooms", **given)
        pause = 1 / row["a_second"]
        for each in rows:
            due = loop.time() + pause
            if not await self._moved(RoomId(each["id"]), each["actor"]):
                break
            await asyncio.sleep(max(0.0, due - loop.time()))
        await self._database.rows("refused_by_rollout", refused=len(self._refused))

    async def _moved(self, room: RoomId, actor: str) -> bool:
        """Whether the next is to be tried at once."""
        try:
            outcome = await self._mover.move(room, actor)
            if outcome is MoveOutcome.REFUSED and len(self._refused) < REFUSED_LIMIT:
                self._refused[room] = asyncio.get_running_loop().time() + REFUSED_S
            if outcome is MoveOutcome.STAYS:
                await self._directory.have_room(actor)
        except Full:
            return False  # The wisher has said so.
        except (NoSuchRoom, RoomUnreadable, ClusterUnavailable) as error:
            log.warning("room.move_failed", room=room, reason=str(error))
        return True

    async def _end_empty(self) -> None:
        while (ended := await self._database.row("outdated_actor", target=self._target)) is not None:
            log.info("actor.outdated", actor=ended["name"])
            await self._end_actor(ended["name"])

    async def _next_edge(self, row: Row) -> None:
        """There are as many as at the beginning, and none is on its way out: the next."""
        if row["edges_here"] < row["edges"]:
            return
        edge = await self._database.row("outdated_edge", target=self._target)
        if edge is not None:
            at = self._now()
            given: dict[str, Any] = {"kind": "drain_edge", "subject": edge["id"], "until": at + ORDERED_MS, "at": at}
            await self._database.rows("give_order", **given, reason="", operator=BY)
            log.info("rollout.edge", edge=edge["id"], code=self._target)
