"""The edge: settings → objects → routes. The only place where everything meets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Literal

import msgspec
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.wishes import Wisher
from tavola.actors.wire.commands import UserId
from tavola.config import logs
from tavola.config.clock import now_ms
from tavola.config.code_mark import CODE, CodeOnDisk
from tavola.config.collector import relax
from tavola.config.failures import Failure
from tavola.config.keys import Purpose, Secrets
from tavola.config.settings import Settings
from tavola.config.traces import tracer_of
from tavola.edge import reloading
from tavola.edge.common.addresses import Doorman
from tavola.edge.common.limits import Limits
from tavola.edge.common.metrics import CONTENT_TYPE, FleetCount, StoredBytes
from tavola.edge.common.moment import Moment
from tavola.edge.common.sampling import Sampling
from tavola.edge.endpoints import RestApi
from tavola.edge.feed.feed_api import Feeds
from tavola.edge.feed.webhooks import Webhooks
from tavola.edge.identity.auth import Identities
from tavola.edge.identity.authenticator import COOKIE, Authenticator
from tavola.edge.identity.cors import Cors
from tavola.edge.identity.issuers import Issuer, OneKey
from tavola.edge.identity.jwks import Jwks
from tavola.edge.identity.operators import OperatorCookies, Operators
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.reconnection import ReconnectionTokens
from tavola.edge.identity.services import KnownServices
from tavola.edge.identity.session_cache import SessionCache
from tavola.edge.identity.sessions import Sessions
from tavola.edge.identity.sign_outs import SignOuts
from tavola.edge.identity.standing_orders import Order, StandingOrders
from tavola.edge.identity.tokens import Tokens
from tavola.edge.operating import sign_in
from tavola.edge.people.manager import ConnectionManager
from tavola.edge.rest import pages
from tavola.edge.rest.bounded_http import bounded_http
from tavola.edge.rest.game_pages import PageFolder, game_routes
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.rest import hung_up, not_there
from tavola.edge.routing.catalogue import LOOK_S, Catalogue
from tavola.edge.routing.fleet import fleet_count
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.reach import Reach
from tavola.edge.routing.router import Router
from tavola.edge.ws import protocol
from tavola.edge.ws.connection import Connection, Services
from tavola.edge.ws.fanout import Fanout
from tavola.edge.ws.leaving import let_go, turn_away
from tavola.edge.ws.protocol import FRAME_LIMIT, SUBPROTOCOL
from tavola.edge.ws.websocket import EXTENSION, DirectWebSocket, text_frame
from tavola.storage.fingerprint import admitted_at
from tavola.storage.growth import growth
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.redis_address import RedisAddress
from tavola.storage.sealing import Opener, Sealer
from tavola.storage.target import servers

log = structlog.get_logger()

JSON = "application/json"
READY_FOR_S = 1.0
"""Seconds for which `/readyz` believes what Postgres answered last."""
GROWN_FOR_S = 30.0
"""Seconds for which `/metrics` tells the same sizes: the steward measures them every few minutes."""
COUNTED_FOR_S = 10.0
"""The same of rooms and actors, which are counted when it is asked."""
DRAIN_S = 5
"""Seconds that requests under way have when the edge ends."""
LEAVE_S = 1.0
CODE_S, DISK_LOOKS = 2.0, 5
"""How often an edge says which code it runs, and at every which of these times it looks what lies on the disk."""
CUT_OFF_S = 2.0
"""In which all sockets of an edge that is cut off are closed."""
WHY = {"restarts": "the server restarts", "full": "the server is full", "cut_off": "the server is cut off"}
"""The words for whoever this edge does not take."""
MESSAGE_LIMIT = FRAME_LIMIT * 4
"""Bytes at which a message is not even read to its end: the socket is closed (1009). Up to here it is refused."""


class EndedByItself(Exception):
    """A part that goes on for as long as its edge does has ended, without an error."""


class Edge:
    """One edge's parts, while it runs."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        """`secrets` are those that the database admits."""
        self._settings = settings
        self._secrets = secrets
        self.origins = Origins(settings.allowed_origins, settings.frame_origins)
        self._services: Services | None = None
        self._database: Database | None = None
        self._presence: EdgePresence | None = None
        self._feeds: Feeds | None = None
        self._reach: Reach | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._told_to_end: asyncio.Task[None] | None = None
        self._machine_ends: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None
        """Of a part without which the edge is none."""
        self.end: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGTERM)
        """Ends it as an operator would."""
        self._answers = Moment(self._postgres_answers, READY_FOR_S)
        self._grown = Moment(self._stored_bytes, GROWN_FOR_S)
        self._counted = Moment(self._fleet, COUNTED_FOR_S)
        self.draining = False

    @property
    def framing(self) -> tuple[str, ...]:
        """Origins whose pages may have the players' pages in a frame."""
        return self._settings.frame_origins

    @property
    def reloads(self) -> bool:
        """Whether games are saved while they are played."""
        return self._settings.games_reload

    @property
    def catalogue(self) -> Catalogue | None:
        """The games that there are; None before it runs."""
        return self._services.catalogue if self._services is not None else None

    @property
    def issuer(self) -> str:
        """The issuer at which operators sign in; empty: they do not."""
        return self._settings.trusted_issuer if self._settings.admin_client_id else ""

    @property
    def operated(self) -> bool:
        """Whether there is a page for operators."""
        return self._settings.admin or bool(self._settings.admin_secret.get_secret_value())

    @asynccontextmanager
    async def running(self, app: Starlette) -> AsyncIterator[None]:
        """The parts, connected and at work until the block is left. Raises `StorageUnavailable` without Postgres."""
        settings = self._settings
        database = self._database = await Database.connect(settings.database_url, least=2, most=16)
        secrets = self._secrets
        redis_keys = secrets.keys(Purpose.REDIS)
        sealer, opener = Sealer(redis_keys[0]), Opener(redis_keys)
        people: ConnectionManager[Connection] = ConnectionManager(
            token_hex(8), database, settings.redis_url, sealer, opener
        )
        presence = self._presence = EdgePresence(database, people)
        tracer = tracer_of(settings, "edge", presence.edge)
        fanout = Fanout(database, settings.redis_url, opener, presence, renewed=settings.games_reload, tracer=tracer)
        directory = Directory(database, Wisher(database, settings.rooms_per_actor))
        router = Router(directory, secrets, settings.room_timeout_ms / 1000, presence)
        router.told, router.heard = fanout.told, fanout.heard
        sign_outs = SignOuts(database, self._signed_out)
        await sign_outs.look()
        orders = StandingOrders(database, self._ordered, lifted=self._lifted)
        await orders.look()
        cache = SessionCache(settings.redis_url, sealer, opener)
        identities, sessions = Identities(secrets, sign_outs.covers), Sessions(database, cache, sign_outs)
        issuer = _issuer(settings)
        who = Authenticator(identities, sessions, sign_outs, self.origins, issuer, KnownServices(database))
        returns, limits = ReconnectionTokens(database, Tokens(secrets), now_ms), _limits(settings)
        sampling = None
        if tracer is not None:
            sampling = Sampling(tracer, settings.traces_sample, random.random, time.monotonic)
        services = self._services = Services(who, returns, router, fanout, database, limits, orders, sampling)
        lobby = Lobby(database, services.errand, limits, settings.empty_room_minutes * 60_000)
        secret = settings.admin_secret.get_secret_value()
        cookies = OperatorCookies(secrets) if settings.admin_client_id else None
        known = Operators(database, secret, who.of_token, cookies=cookies, signed_out=sign_outs.ever_covered)
        operators = known if self.operated else None
        api = RestApi(services, who, lobby, limits, operators)
        self._feeds = api.feeds
        places = [*servers(settings.database_url), *RedisAddress(settings.redis_url).servers]
        reach = self._reach = Reach(database, places, self._cut_off)
        app.router.routes.extend(api.routes())
        if (door := sign_in.made(settings, issuer, operators)) is not None:
            app.router.routes.extend(door.routes())
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("fanout", fanout.run(router.told_of)),
                ("people", people.run()),
                ("presence", presence.run(router)),
                ("sweep", services.sweep()),
                ("unreadable", services.unreadable.run()),
                ("persistence", services.persistence.run()),
                ("sign-outs", sign_outs.run()),
                ("orders", orders.run()),
                ("reach", reach.run()),
                ("code", _tell_code(database, people.edge, self._leaves)),
                ("webhooks", Webhooks(database, secrets).run()),
                ("games", services.catalogue.run(reloading.LOOK_S if settings.games_reload else LOOK_S)),
            )
        ]
        for task in tasks:
            task.add_done_callback(self._part_ended)
        relax()
        try:
            yield
        finally:
            tasks += [task for task in (self._leaving, self._told_to_end, self._machine_ends) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            router.close()
            await cache.close()
            await database.close()
            if tracer is not None:
                await asyncio.to_thread(tracer.close)

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        """An edge that lost a part is no edge: its clients are better off with another one."""
        if task.cancelled():
            return
        error = self.failure = task.exception() or EndedByItself(task.get_name())
        try:
            log.critical("edge.part_failed", part=task.get_name(), error=type(error).__name__, exc_info=error)
        finally:
            self.end()

    # Routes of its own

    async def socket(self, websocket: WebSocket) -> None:
        """`GET /ws`: accepted if its origin may and there is room; from then on its messages go to a `Connection`."""
        if self._services is None:
            await websocket.close(1013)
            return
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None)
        direct: DirectWebSocket = websocket.scope["extensions"][EXTENSION]
        if not self.origins.allow(websocket):
            self._services.metrics.refused("origin")
            direct.close(4403, "origin refused")
            return
        address = websocket.client.host if websocket.client else ""
        if (no := self._services.orders.kept_out(None, address)) is not None:
            self._services.metrics.refused("banned")
            direct.write(text_frame(protocol.error(no)))
            direct.close(4403, no.code)
            return
        if (reason := self._no_more()) is not None:
            self._services.metrics.refused(reason)
            turn_away(direct, WHY[reason])
            return
        connection = Connection(direct, self._services, websocket.cookies.get(COOKIE), address)
        direct.attach(connection)

    def _cut_off(self) -> None:
        """Players are better served elsewhere: let them go, and take none until the others are reached again."""
        assert self._services is not None
        sockets = self._services.connections
        self._leaving = asyncio.create_task(
            let_go(sockets, WHY["cut_off"], self._settings.drain_sockets_per_second, CUT_OFF_S)
        )

    def _no_more(self) -> Literal["restarts", "full", "cut_off"] | None:
        """Why this edge takes no socket now."""
        if self.draining:
            return "restarts"
        if self._reach is not None and self._reach.cut_off:
            return "cut_off"
        assert self._services is not None
        most = self._settings.sockets_per_edge
        return "full" if most and len(self._services.connections) >= most else None

    def _signed_out(self, user: UserId, at: int) -> None:
        """Close the sockets of who signed out everywhere at that moment."""
        if self._services is not None:
            for connection in self._services.people.sockets(user):
                connection.signed_out(at)

    def _ordered(self, order: Order) -> None:
        """An operator has given an order that concerns all edges, or this one."""
        services = self._services
        if services is None:
            return
        match order.kind:
            case "ban_user":
                out = services.people.sockets(UserId(order.subject))
            case "ban_address":
                out = [each for each in services.connections if services.orders.keeps_out(order, each.address)]
            case "announce":
                services.fanout.announce(order.operator, order.reason)
                return
            case "drain_edge" if self._presence is not None and order.subject == self._presence.edge:
                log.info("edge.told_to_end", operator=order.operator)
                self._told_to_end = asyncio.create_task(self._let_all_go())
                return
            case _:
                return
        for connection in out:
            if (no := services.orders.kept_out(UserId(order.subject), connection.address)) is not None:
                connection.keep_out(no)

    def _lifted(self, order: Order) -> None:
        """One that stood does so no more: an edge that was to end, and has not, goes on."""
        ours = self._presence is not None and order.kind == "drain_edge" and order.subject == self._presence.edge
        if ours and self._told_to_end is not None and self._told_to_end.cancel():
            self._told_to_end, self.draining = None, False
            log.info("edge.goes_on")

    async def _let_all_go(self) -> None:
        """Take no socket any more, let go of those that there are, and end."""
        self.draining = True
        await self._goodbye(lambda: False)
        self.end()

    def _leaves(self, leaves: bool) -> None:
        """The machine will end, or does not any more: no player is to be here then. The edge itself goes on."""
        if leaves and self._machine_ends is None and not self.draining:
            log.info("edge.machine_ends")
            self._machine_ends = asyncio.create_task(self._let_players_go())
        elif not leaves and self._machine_ends is not None:
            self._machine_ends.cancel()
            self._machine_ends, self.draining = None, self._told_to_end is not None
            log.info("edge.goes_on")

    async def _let_players_go(self) -> None:
        self.draining = True
        await self._goodbye(lambda: False)

    async def healthz(self, request: Request) -> Response:
        """Whether the process runs: 200, whatever is away."""
        return Response(b'{"status":"alive"}', media_type=JSON)

    async def readyz(self, request: Request) -> Response:
        """Whether this edge can serve (200, else 503), and what is away. Without Redis it can."""
        away = []
        if self._services is None or self._database is None or self.draining:
            away.append("edge")
        else:
            if not await self._answers.get():
                away.append("postgres")
            if not self._services.fanout.redis_up:
                away.append("redis")
        ready = not set(away) & {"edge", "postgres"}
        body = msgspec.json.encode({"status": "ready" if ready else "not_ready", "away": away})
        return Response(body, 200 if ready else 503, media_type=JSON)

    async def _postgres_answers(self) -> bool:
        assert self._database is not None
        try:
            await self._database.rows("ping", within_s=2.0)
        except StorageUnavailable:
            return False
        return True

    async def _stored_bytes(self) -> StoredBytes | None:
        assert self._database is not None
        try:
            found = await growth(self._database)
        except StorageUnavailable:
            return None
        if found is None:
            return None
        tables = [(each.name, each.bytes, each.a_day) for each in found.tables]
        return StoredBytes(tables, (found.database.bytes, found.database.a_day), found.free, found.full_in_days)

    async def _fleet(self) -> FleetCount | None:
        assert self._database is not None
        try:
            return await fleet_count(self._database)
        except StorageUnavailable:
            return None

    async def page_folder(self, kind: str) -> PageFolder | None:
        """Where the page of that game lies; None for a game that there is not. Raises HTTPException where that is not
        known."""
        if self.catalogue is None:
            raise HTTPException(503)
        try:
            games = await self.catalogue.games()
        except StorageUnavailable:
            raise HTTPException(503) from None
        if games is None:
            raise HTTPException(503)
        game = games.get(kind)
        return PageFolder(self.catalogue.page(game), game.shipped) if game is not None else None

    async def metrics(self, request: Request) -> Response:
        """The metrics as Prometheus reads them; 503 before the edge runs."""
        if self._services is None:
            return Response(status_code=503)
        self._services.metrics.grown(await self._grown.get())
        self._services.metrics.counted(await self._counted.get())
        return Response(self._services.metrics.text(), media_type=CONTENT_TYPE)

    async def drain(self, hurried: Callable[[], bool]) -> None:
        """Take no new client and say goodbye to all, as fast as others take them up; at once when it is `hurried`."""
        self.draining = True
        for task in (self._told_to_end, self._machine_ends):
            if task is not None:
                task.cancel()
        self._machine_ends = None
        if self._feeds is not None:
            self._feeds.end()
        await self._goodbye(hurried)
        if self._presence is not None:
            self._presence.stop()
            self._presence.people.leave()
        await self._leave()

    async def _leave(self) -> None:
        """Nobody counts this edge any more, if Postgres can be told so at once."""
        if self._database is not None and self._presence is not None:
            with contextlib.suppress(StorageUnavailable, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._database.rows("edge_left", id=self._presence.edge)

    async def _goodbye(self, hurried: Callable[[], bool]) -> None:
        if self._services is None:
            return
        settings, sockets = self._settings, self._services.connections
        log.info("edge.drains", sockets=len(sockets))
        elsewhere = self._presence.people.current_elsewhere if self._presence is not None else None
        a_second, within_s = settings.drain_sockets_per_second, settings.drain_s
        await let_go(sockets, WHY["restarts"], a_second, within_s, hurried, elsewhere)


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.rooms_per_user,
        settings.rooms_opened_per_minute,
        settings.guests_per_minute,
        settings.frames_per_second,
    )


def _issuer(settings: Settings) -> Issuer | None:
    """The other issuer whose tokens are taken, if the deployment names one."""
    if not settings.trusted_issuer:
        return None
    algorithm = settings.trusted_algorithm
    key = settings.trusted_key.get_secret_value()
    keys = OneKey(key) if key else Jwks(settings.trusted_jwks, algorithm)
    return Issuer(settings.trusted_issuer, settings.trusted_audience, algorithm, keys)


async def _tell_code(database: Database, edge: str, leaves: Callable[[bool], None]) -> None:
    """Which code runs here, and which would if the edge were started now: whoever rolls code out goes by that. And
    where; it is told whether the edge `leaves`, for its machine will end."""
    disk, addresses = CodeOnDisk(), _own_addresses()
    while True:
        lies = await asyncio.to_thread(disk.look)
        for _ in range(DISK_LOOKS):
            with contextlib.suppress(StorageUnavailable):
                row = await database.row("edge_lives", id=edge, code=CODE, disk=lies, addresses=addresses)
                assert row is not None
                leaves(row["leaves"])
            await asyncio.sleep(CODE_S)


def _own_addresses() -> list[str]:
    """Of this machine."""
    import psutil  # An edge needs it for nothing else.

    return sorted({each.address for addresses in psutil.net_if_addrs().values() for each in addresses})


def application(edge: Edge) -> Starlette:
    """The routes of `edge`; those of REST join them when it runs."""
    return Starlette(
        routes=[
            WebSocketRoute("/ws", edge.socket),
            Route("/healthz", edge.healthz),
            Route("/readyz", edge.readyz),
            Route("/metrics", edge.metrics),
            *(reloading.routes(lambda: edge.catalogue) if edge.reloads else []),
            *pages.routes(
                operator=edge.operated,
                framing=edge.framing,
                added=reloading.MARKUP if edge.reloads else b"",
                issuer=edge.issuer,
            ),
            *game_routes(edge.page_folder, fresh=edge.reloads),
        ],
        middleware=[Middleware(Cors, origins=edge.origins)],
        lifespan=edge.running,
        exception_handlers={404: not_there, 405: not_there, ClientDisconnect: hung_up},
    )


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which drains our sockets before it closes them."""

    def __init__(self, config: uvicorn.Config, edge: Edge) -> None:
        super().__init__(config)
        self._edge = edge
        edge.end = self._end

    def _end(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        for server in self.servers:
            server.close()  # New connections are refused by the kernel, and find another edge.
        await self._edge.drain(lambda: self.force_exit)
        await super().shutdown(sockets)  # type: ignore[arg-type]


def configured(app: Starlette, settings: Settings) -> uvicorn.Config:
    """How an edge listens."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=bounded_http(Doorman(settings.connections_per_address, settings.trusted_proxies)),
        ws=DirectWebSocket,
        ws_max_size=MESSAGE_LIMIT,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_S,
        backlog=4096,
    )


def serve(settings: Settings) -> None:
    """Run one edge until SIGTERM or SIGINT. Raises SettingsError where the database is used with another secret. An
    edge that loses a part ends with SystemExit."""
    logs.configure(f"edge-{settings.port}", settings.log_format, settings.log_level, settings.data_dir)
    admitted = asyncio.run(admitted_at(settings.database_url, settings.secrets))
    edge = Edge(settings, admitted.secrets)
    DrainingServer(configured(application(edge), settings), edge).run()
    if isinstance(edge.failure, Failure):
        raise edge.failure
    if edge.failure is not None:
        raise SystemExit(1)
