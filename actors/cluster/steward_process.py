"""The steward's process, one on each node: it is in Ray's cluster, starts the node's actors, and does the steward's
rounds if it holds the lease.

It goes on while there is no Ray: the rounds that need an actor wish for it, as everybody does.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal

import structlog
import uvloop

from tavola.actors.cluster.catalogue import GameTeller
from tavola.actors.cluster.control_plane import STEWARD_BEFORE, OwnNode, cut, joined, reached
from tavola.actors.cluster.directory import ClusterUnavailable, Directory
from tavola.actors.cluster.lease import Lease
from tavola.actors.cluster.node_keeper import NodeKeeper
from tavola.actors.cluster.ray_told import RayTeller
from tavola.actors.cluster.service import Service
from tavola.actors.cluster.steward import Steward
from tavola.actors.cluster.wishes import Wisher
from tavola.actors.scaling.demand import Demand
from tavola.actors.scaling.endings import LOOK_S as ENDINGS_LOOK_S
from tavola.actors.scaling.endings import Endings
from tavola.config import crash, logs
from tavola.config.clock import now_ms
from tavola.config.code_mark import CODE, CodeOnDisk
from tavola.config.settings import Settings
from tavola.games.registry.discovery import install
from tavola.games.registry.reload import Reloader
from tavola.storage.fingerprint import Admitted, admit, replaced
from tavola.storage.notices import heard
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

SECRET_LOOK_S = 5.0
"""How often the steward looks whether the deployment's secret was replaced."""
DISK_LOOK_S = 5.0
"""How often it is looked which code lies on the disk."""
WISHES = "tavola_wishes"
WISH_LOOK_S = 0.5
LENT_WISH_LOOK_S = 0.1
"""How often it is looked for wishes of which nothing was heard. A pooler that lends connections tells of none."""
BEFORE_ROUND_S = 5.0
HEAD_LOOK_S = 0.5
HEAD_AWAY_S = 3.0
"""Where the head's Ray did not answer for so long, its machine may have been lost."""
ASK_S = 5.0
LEAVE_S = 0.5


class StewardProcess(Service):
    """A `Steward` and a `NodeKeeper` in a process of their own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        logs.configure("steward", settings.log_format, settings.log_level)
        self._settings = settings
        self._id = secrets.token_hex(8)
        self._here: OwnNode | None = None
        self._disk = CODE
        self._database: Database | None = None
        self._teller: GameTeller | None = None

    async def start(self) -> None:
        """On return the steward works, and joins Ray as soon as it is there."""
        settings = self._settings
        games = install(settings.games, settings.games_path)
        database = self._database = await Database.connect(settings.database_url, least=1, most=8)
        admitted = await admit(database, settings.secrets)
        reloader = Reloader(settings.games, settings.games_path, games) if settings.games_reload else None
        teller = self._teller = GameTeller(database, self._id, games, reloader)
        await teller.say()
        directory = Directory(database, Wisher(database, settings.rooms_per_actor))
        points = crash.points(os.environ.get("TAVOLA_CRASH_DIR"), lambda: None)
        steward = Steward(settings, admitted.secrets, database, directory, self, now_ms, points)
        lease = Lease(database, self._id)
        self.keep(lease.lead(steward.run))
        self.keep(teller.run())
        self.keep(self._node(database, lease))
        self.keep(self._until_replaced(database, admitted))
        self.keep(self._until_outdated(database))

    async def end_actor(self, name: str) -> None:
        """End a room actor, on whichever node, if it still runs. Raises `ClusterUnavailable`."""
        if self._here is None:
            raise ClusterUnavailable("this steward has not joined Ray yet")
        await self._here.end_actor(name)

    async def leave(self) -> None:
        """Nobody waits for this steward any more, if Postgres can be told so at once."""
        if self._database is not None:
            async with asyncio.timeout(LEAVE_S):
                await self._database.rows("leave_node", id=self._id)
                if self._teller is not None:
                    await self._teller.leave()

    async def _node(self, database: Database, lease: Lease) -> None:
        settings = self._settings
        here = self._here = await joined(settings, database)
        log.info("steward.joined", node=here.address, most=here.most)
        keeper = NodeKeeper(
            self._id, os.getpid(), database, here, spares=settings.spares, shared=settings.rooms_per_actor > 1
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_disk(keeper))
            tasks.create_task(keeper.run(LENT_WISH_LOOK_S if database.lent else WISH_LOOK_S))
            tasks.create_task(heard(settings.database_url, WISHES, keeper.woken.set))
            tasks.create_task(self._none_before())
            tasks.create_task(self._find_head_again())
            tasks.create_task(RayTeller(database, self._id, here).run())
            tasks.create_task(self._look_for_endings(Endings(database, here), keeper, lease))
            if here.declares:
                tasks.create_task(self._ask(Demand(database, here)))

    async def _ask(self, demand: Demand) -> None:
        while True:
            try:
                await demand.ask()
            except (StorageUnavailable, ClusterUnavailable) as error:
                log.warning("steward.round_failed", round="ask", reason=str(error))
            await asyncio.sleep(ASK_S)

    async def _look_for_endings(self, endings: Endings, keeper: NodeKeeper, lease: Lease) -> None:
        """A node that is alone has nobody to leave its rooms to."""
        while True:
            try:
                if lease.held and (endings.some or not keeper.alone):
                    await endings.look()
            except (StorageUnavailable, ClusterUnavailable) as error:
                log.warning("steward.round_failed", round="endings", reason=str(error))
            await asyncio.sleep(ENDINGS_LOOK_S)

    async def _look_at_disk(self, keeper: NodeKeeper) -> None:
        disk = CodeOnDisk()
        while True:
            self._disk = keeper.disk = await asyncio.to_thread(disk.look)
            await asyncio.sleep(DISK_LOOK_S)

    async def _until_outdated(self, database: Database) -> None:
        """It is this steward's turn in a roll-out: another is started, with the code that lies there."""
        while True:
            await asyncio.sleep(DISK_LOOK_S)
            try:
                if await database.row("stewards_turn", code=CODE, disk=self._disk) is not None:
                    log.info("steward.outdated", code=CODE, disk=self._disk)
                    await self.leave()
                    return
            except StorageUnavailable as error:
                log.warning("steward.look_failed", reason=str(error))

    async def _find_head_again(self) -> None:
        """When the head's machine was lost and is there again, Ray's client would find that out by its connections'
        next try, which may be half a minute off."""
        address, loop = self._settings.ray_address, asyncio.get_running_loop()
        answered_at = loop.time()
        while True:
            await asyncio.sleep(HEAD_LOOK_S)
            try:
                await reached(address)
            except OSError:
                continue
            away_s, answered_at = loop.time() - answered_at, loop.time()
            if away_s > HEAD_AWAY_S:
                log.info("steward.head_is_back", after_s=round(away_s, 1), connections=await cut(address))

    async def _none_before(self) -> None:
        """An edge of the release before starts a steward that is an actor: one that stayed would go on for ever."""
        while True:
            try:
                await self.end_actor(STEWARD_BEFORE)
            except ClusterUnavailable as error:
                log.warning("steward.round_failed", round="none_before", reason=str(error))
            await asyncio.sleep(BEFORE_ROUND_S)

    async def _until_replaced(self, database: Database, admitted: Admitted) -> None:
        """Another one is started, with the secrets that there are by now."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(SECRET_LOOK_S)
            try:
                row = await database.row("secret_turn")
                if row is not None and await replaced(database, admitted, row["turn"], loop.time() - began):
                    log.info("steward.secret_replaced")
                    return
            except StorageUnavailable as error:
                log.warning("steward.look_failed", reason=str(error))


def serve(settings: Settings) -> None:
    """Run this node's steward until SIGTERM or SIGINT. Raises SettingsError where the database is used with another
    secret, GameNotLoaded, and StorageUnavailable."""
    uvloop.run(_until_told(StewardProcess(settings)))


async def _until_told(process: StewardProcess) -> None:
    told = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, told.set)
    serving = asyncio.ensure_future(process.serve())
    telling = asyncio.ensure_future(told.wait())
    await asyncio.wait([serving, telling], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    try:
        await process.leave()
    finally:
        os._exit(0)  # Not in order: Ray would take its time, and owes us nothing.
