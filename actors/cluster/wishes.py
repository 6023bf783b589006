"""Wishes for room actors: an edge needs actors to exist and starts none. It leaves a row, and some node's steward
starts one (`node_keeper`)."""

from __future__ import annotations

import asyncio
import secrets

import structlog

from tavola.actors.cluster.ceiling import Full
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

ANSWERED_WITHIN_S = 30.0
"""A wish that has no answer by then is given up, and no node takes it any more."""
WISHES_AT_ONCE = 4
"""Actors that one process wishes for at a time, where each carries one room; where they are shared it is one."""
RIVAL_S = 2.0
"""When a node has had a wish for so long, another may start an actor as well."""
LOOK_S = 0.01
LOOKS_S = 0.1
"""How soon, and how often at last, it is looked what came of a wish."""
FULL_S = 1.0
"""For how long a cluster that was found full is not asked again."""


class Wisher:
    """Has room actors started, for one process."""

    def __init__(self, database: Database, rooms_per_actor: int) -> None:
        self._database = database
        self._shared = rooms_per_actor > 1
        self._at_once = 1 if self._shared else WISHES_AT_ONCE
        self._wishing: set[asyncio.Task[None]] = set()
        self._full_until = 0.0

    async def start_actor(self, avoid: str | None = None) -> None:
        """On return there is one more actor, or one other than `avoid` has room. A caller that finds enough wishes
        open waits for the first of those. Raises `Full` when every node has as many as it carries, and
        `ClusterUnavailable` when none was started, or nobody said so within `ANSWERED_WITHIN_S`; then one may be."""
        if len(self._wishing) < self._at_once:
            task = asyncio.create_task(self._wish(avoid))
            self._wishing.add(task)
            task.add_done_callback(self._done)
            await asyncio.shield(task)
        else:
            done, _ = await asyncio.wait(self._wishing, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._wishing.discard(task)
        if not task.cancelled():
            task.exception()  # Those that waited for it may have gone.

    async def _wish(self, avoid: str | None) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._full_until:
            raise Full("no node carries another room actor")
        wish = secrets.token_hex(8)
        try:
            await self._database.rows("wish_actor", id=wish)
            await self._answer(wish, avoid)
        except Full as full:
            self._full_until = loop.time() + FULL_S
            log.warning("actors.full", reason=str(full))
            raise
        finally:
            await self._forget(wish)

    async def _answer(self, wish: str, avoid: str | None) -> None:
        """Waits until one more actor can be given rooms. Where each carries one room, somebody waits for each that
        starts: another's is of use only when ours is late."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        pause = LOOK_S
        while (waited := loop.time() - began) < ANSWERED_WITHIN_S:
            row = await self._database.row("wish_answered", id=wish, avoid=avoid)
            if row is None:
                break
            if row["answered"]:
                if row["why"] is None:
                    return
                raise (Full if row["full"] else ClusterUnavailable)(row["why"])
            if row["has_room"] and (self._shared or waited > RIVAL_S):
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, LOOKS_S)
        raise ClusterUnavailable(f"no node has started a room actor in {ANSWERED_WITHIN_S:.0f} s")

    async def _forget(self, wish: str) -> None:
        """It would be forgotten anyway, a little later."""
        try:
            await self._database.rows("unwish_actor", id=wish)
        except StorageUnavailable as error:
            log.info("wish.not_withdrawn", reason=str(error))
