"""The care of a node's steward for its own node: it says that the node lives, starts the actors that are wished for,
and keeps spares. An actor starts on the node whose steward starts it, so a node that is gone is given none.

Nodes settle among themselves who takes a wish: the emptiest is first, and when it has not answered in time another one
starts an actor as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import structlog

from tavola.actors.cluster.ceiling import SUSPECTS, Full
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.cluster.wishes import ANSWERED_WITHIN_S, RIVAL_S
from tavola.config.code_mark import CODE
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

BEAT_S = 0.5
RANK_S = 0.05
"""For so long a node leaves a wish to each that is emptier."""
SPARE_LATER_S = 1.0
"""After so long a spare that is missing is started, where actors are shared: the one before it was just given rooms,
and they come first, for a start takes a processor from them."""
STARTS_AT_ONCE = 8
"""Actors that a node starts at a time, where each carries one room; where they are shared it is one. Those that take
longer than `RIVAL_S` hold nobody up."""


class LivingNode(NamedTuple):
    """A node that beats, its actors, those of them that are spare, and how many it carries."""

    id: str
    address: str
    most: int
    actors: int
    spares: int

    @property
    def has_room(self) -> bool:
        return self.actors < self.most


class Here(Protocol):
    """The node on which this steward starts actors."""

    address: str
    most: int
    may_end: bool

    async def start_actor(self) -> None:
        """Start a room actor here; on return it can be given rooms. Raises `Full` and `ClusterUnavailable`."""

    async def end_actor(self, name: str) -> None:
        """End a room actor, wherever it is, if it still runs. Raises `ClusterUnavailable`."""


def rank(nodes: Sequence[LivingNode], id: str) -> int | None:
    """How many nodes with room are emptier than this one; None where it has no room itself."""
    roomy = sorted((node.actors / node.most, node.id) for node in nodes if node.has_room)
    return next((place for place, (_, each) in enumerate(roomy) if each == id), None)


def spares_here(nodes: Sequence[LivingNode], id: str, spares: int) -> int:
    """This node's share of the cluster's spares. Where there are two nodes or more, two of them have one at least: a
    node may be lost, and its spares with it. One that carries none, for it is drained, has none."""
    bearers = sorted(node.id for node in nodes if node.most)
    if id not in bearers:
        return 0
    together = max(spares, min(2, len(bearers))) if spares else 0
    share, over = divmod(together, len(bearers))
    return share + (bearers.index(id) < over)


class NodeKeeper:
    """The rounds for one node, each a method that may be called by itself."""

    def __init__(self, id: str, pid: int, database: Database, here: Here, *, spares: int, shared: bool) -> None:
        """`id` names the node, for as long as this steward lives; `shared` says whether actors carry several rooms."""
        self._id = id
        self._pid = pid
        self._database = database
        self._here = here
        self._spares = spares
        self._shared = shared
        self._at_once = 1 if shared else STARTS_AT_ONCE
        self.disk = CODE
        """The code that an actor would have that started now."""
        self.woken = asyncio.Event()
        """Set when there may be a wish."""
        self._nodes: list[LivingNode] = []
        self._starting: dict[asyncio.Task[None], float] = {}
        self._spare_starts: asyncio.Task[None] | None = None
        self._complete_at: float | None = None
        """When (on the loop's clock) no spare was missing; None: it was never so."""

    @property
    def alone(self) -> bool:
        """Whether no other node lives."""
        return len(self._nodes) < 2

    @property
    def _busy(self) -> bool:
        now = asyncio.get_running_loop().time()
        return sum(now - began < RIVAL_S for began in self._starting.values()) >= self._at_once

    @property
    def _missed_lately(self) -> bool:
        if not self._shared or self._complete_at is None:
            return False
        return asyncio.get_running_loop().time() - self._complete_at < SPARE_LATER_S

    async def run(self, look_s: float) -> None:
        """Do the rounds until cancelled; wishes are looked for when `woken` is set, and every `look_s`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beats())
            tasks.create_task(self._grants(look_s))

    async def _beats(self) -> None:
        while True:
            try:
                await self.beat()
                await self.keep_spares()
            except (StorageUnavailable, ClusterUnavailable) as error:
                log.warning("node.beat_failed", reason=str(error))
            await asyncio.sleep(BEAT_S)

    async def _grants(self, look_s: float) -> None:
        while True:
            try:
                while await self.grant():
                    pass
            except StorageUnavailable as error:
                log.warning("node.beat_failed", reason=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(look_s):
                    await self.woken.wait()
            self.woken.clear()

    async def beat(self) -> None:
        """Say that the node lives; which others do, and how full they are, is known afterwards."""
        here = self._here
        rows = await self._database.rows(
            "beat_node", id=self._id, address=here.address, pid=self._pid, most=here.most, suspects=SUSPECTS,
            code=CODE, disk=self.disk, may_end=here.may_end,
        )  # fmt: skip
        self._nodes = [LivingNode(**row) for row in rows]

    async def grant(self) -> bool:
        """Take a wish, if there is one and this is the node for it. Gives whether to look for another at once."""
        if self._busy or await self._database.row("open_wish", **self._mine) is None:
            return False
        await self.beat()
        before = rank(self._nodes, self._id)
        if before is None:
            if self._nodes and not any(node.has_room for node in self._nodes):
                await self._refuse()
            return False
        await asyncio.sleep(before * RANK_S)
        taken = await self._database.row("take_wish", **self._mine)
        if taken is None:
            return False
        task = asyncio.create_task(self._fulfil(taken["id"]))
        self._starting[task] = asyncio.get_running_loop().time()
        task.add_done_callback(self._started)
        return True

    def _started(self, task: asyncio.Task[None]) -> None:
        del self._starting[task]
        self.woken.set()

    @property
    def _mine(self) -> dict[str, Any]:
        return {"node": self._id, "rival_s": RIVAL_S, "forgotten_s": ANSWERED_WITHIN_S}

    async def _refuse(self) -> None:
        actors = sum(node.actors for node in self._nodes)
        why = f"there are {actors} room actors, and no node carries more"
        await self._database.rows("refuse_wishes", node=self._id, rival_s=RIVAL_S, why=why)

    async def _fulfil(self, wish: str) -> None:
        full, why = False, None
        try:
            await self._here.start_actor()
        except (ClusterUnavailable, StorageUnavailable) as error:
            full, why = isinstance(error, Full), str(error)
            log.warning("actor.not_started", reason=why)
        elsewhere = any(node.has_room for node in self._nodes if node.address != self._here.address)
        try:
            if full and elsewhere:
                await self._database.rows("pass_wish", id=wish, node=self._id)
            elif why is None and self._shared:
                await self._database.rows("answer_wishes", id=wish)
            else:
                await self._database.rows("answer_wish", id=wish, full=full, why=why)
        except StorageUnavailable as error:
            log.warning("node.beat_failed", reason=str(error))

    async def keep_spares(self) -> None:
        """As many empty actors as this node should have, and not many more; none for want of room."""
        mine = next((node for node in self._nodes if node.id == self._id), None)
        if mine is None:
            return
        wanted = spares_here(self._nodes, self._id, self._spares)
        if mine.spares >= wanted:
            self._complete_at = asyncio.get_running_loop().time()
        if mine.spares < wanted:
            if mine.has_room and self._spare_starts is None and not self._missed_lately:
                self._spare_starts = asyncio.create_task(self._start_spare())
                self._spare_starts.add_done_callback(self._spare_started)
        elif mine.spares > wanted + 1:
            retired = await self._database.row("retire_spare", node=mine.address)
            if retired is not None:
                log.info("actor.retired", actor=retired["name"])
                await self._here.end_actor(retired["name"])

    async def _start_spare(self) -> None:
        try:
            await self._here.start_actor()
        except Full:
            pass
        except (ClusterUnavailable, StorageUnavailable) as error:
            log.warning("actor.not_started", reason=str(error))

    def _spare_started(self, task: asyncio.Task[None]) -> None:
        self._spare_starts = None
