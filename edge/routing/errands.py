"""Errands, which room actors do for this edge: it knows no game's rules.

Any actor will do: the one that did the last, for a while, or the one that has least to do. Where none lives one is
wished for, as for a room. They are pure, so one whose actor is lost is given to another.
"""

from __future__ import annotations

import asyncio

import structlog

from tavola.actors.cluster.ceiling import Full
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.wire.errands import AnyAnswer, Errand
from tavola.actors.wire.line import DOES_ERRANDS, Line, LineFull, LineLost
from tavola.actors.wire.refusals import FULL, NO_SERVER, OVERLOADED, away
from tavola.config.code_mark import CODE
from tavola.edge.routing.router import ANSWER_WITHIN_S, Router
from tavola.storage.postgres import StorageUnavailable

log = structlog.get_logger()

AT_ONCE = 8
"""Errands of this edge that are done at a time, so that rooms of the actor that does them wait for no more than that.
The others wait here."""
WAITING_LIMIT = 1_000
"""Errands that may wait; one more is refused `overloaded`."""
SAME_S = 5.0
"""For so long the same actor is asked."""
CANDIDATES = 8
TRIES = 3
"""Actors that may be lost over one errand: after so many it is not given to another one."""
AGAIN_S = 0.1


class _NoHelper(Exception):
    """No actor that does errands is reached just now."""


class Errands:
    def __init__(self, router: Router) -> None:
        self._router = router
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._line: Line | None = None
        self._until = 0.0
        self._choosing = asyncio.Lock()

    async def ask(self, errand: Errand) -> AnyAnswer:
        """The answer, or the refusal of one that had none in time."""
        if self._waiting >= WAITING_LIMIT:
            return OVERLOADED
        self._waiting += 1
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), self._at_once:
                return await self._asked(errand)
        except TimeoutError:
            return NO_SERVER
        finally:
            self._waiting -= 1

    async def _asked(self, errand: Errand) -> AnyAnswer:
        lost: set[str] = set()
        while len(lost) < TRIES:
            try:
                line = await self._helper(lost)
                return await line.errand(errand)
            except LineLost as error:
                log.info("errand.not_done_yet", actor=error.actor, reason=error.reason)
                lost.add(error.actor)
            except LineFull:
                return OVERLOADED
            except Full:
                return FULL
            except StorageUnavailable as error:
                return away(full=error.full)
            except (_NoHelper, ClusterUnavailable) as error:
                log.info("errand.not_done_yet", reason=str(error))
                await asyncio.sleep(AGAIN_S)
        return NO_SERVER

    async def _helper(self, lost: set[str]) -> Line:
        """An open line to an actor that is not `lost`. Raises `_NoHelper` if there is none, and none could be had."""
        async with self._choosing:
            line, now = self._line, asyncio.get_running_loop().time()
            if line is None or not line.open or line.actor in lost or now > self._until:
                line = self._line = await self._chosen(lost)
                self._until = now + SAME_S
            return line

    async def _chosen(self, lost: set[str]) -> Line:
        found = await self._router.directory.helpers(CODE, CANDIDATES)
        for helper in found:
            if helper.actor in lost:
                continue
            try:
                line = await self._router.line_to(helper.actor, helper.address)
            except LineLost as error:
                log.info("line.not_opened", actor=error.actor, reason=error.reason)
                continue
            if line.version >= DOES_ERRANDS:
                return line
        await self._router.directory.have_helper()
        raise _NoHelper("an actor was started" if not found else "no actor that does errands is reached")
