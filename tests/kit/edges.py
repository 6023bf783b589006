"""Edges and actors without a stack: hosts with their doors open, and the parts of an edge that follow rooms there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec.structs import replace

from kit.followers import Sink, follower
from kit.hosts import OPENER, SECRET, Table, hosting
from kit.people import manager
from kit.waiting import Pulse
from tavola.actors.cluster.directory import ClusterUnavailable, Directory
from tavola.actors.wire.commands import Epoch, RoomId, UserId
from tavola.actors.wire.line import LineServer
from tavola.actors.wire.messages import Answer, ReportPresence, Request, RoomsAt, ViewAt
from tavola.actors.wire.update import decode
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.router import Router
from tavola.edge.ws.fanout import Fanout, RoomFollower
from tavola.storage.postgres import Database


class Actor:
    """A host with its door open. Its requests are noted."""

    def __init__(self, table: Table, *, tells: bool) -> None:
        """Without `tells` it is as one of the release before, which told nobody where its rooms stand."""
        self.table, self.host = table, table.host
        self.asked: list[Request] = []
        self._held: list[tuple[Request, Callable[[Answer], None]]] | None = None
        self.lost: list[str] = []
        self.pulse = Pulse()
        teller = table.host.rooms.teller if tells else None
        self.server = LineServer(table.name, SECRET, self._handle, self._lost, teller, table.host.errand)

    def _handle(self, request: Request, reply: Callable[[Answer], None]) -> None:
        self.asked.append(request)
        if self._held is not None and isinstance(request, ReportPresence):
            self._held.append((request, reply))
        else:
            self.host.handle(request, reply)
        self.pulse.beat()

    def holds_reports(self) -> list[tuple[Request, Callable[[Answer], None]]]:
        """From now on it hears late of who follows its rooms. Gives those of which it has yet to hear."""
        self._held = []
        return self._held

    def lets_reports(self) -> None:
        held, self._held = self._held or [], None
        for request, reply in held:
            self.host.handle(request, reply)
        self.pulse.beat()

    def _lost(self, edge: str) -> None:
        self.lost.append(edge)
        self.host.presence.lost(edge)
        self.pulse.beat()

    def attends(self, room: RoomId) -> list[tuple[set[str], set[str], set[str]]]:
        """The users who were said to be here, gone, and to have made a request."""
        said = [request for request in self.asked if isinstance(request, ReportPresence) and request.room == room]
        assert all(75_000 < ms <= 85_000 for request in said for _, ms in request.lately)
        return [(set(a.here), set(a.gone), {user for user, _ in a.lately}) for a in said]

    async def has(self, room: RoomId, *attends: tuple[set[str], set[str], set[str]]) -> None:
        await self.pulse.until(lambda: len(self.attends(room)) >= len(attends))
        assert self.attends(room) == list(attends)


@asynccontextmanager
async def actor(database: Database, name: str, *, tells: bool = True) -> AsyncIterator[Actor]:
    async with hosting(database, name) as table:
        one = Actor(table, tells=tells)
        address = await one.server.start("127.0.0.1")
        await execute(database, "UPDATE room_actors SET address = $1 WHERE name = $2", address, name)
        try:
            yield one
        finally:
            await one.server.stop()


class NoCluster:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise ClusterUnavailable("there are as many actors as the test has started")

    async def end_actor(self, name: str) -> None:
        raise AssertionError("nobody has died")


class OlderPresence(EdgePresence):
    def _attend(self, room: RoomId, users: set[UserId], epoch: Epoch) -> ReportPresence:
        return replace(super()._attend(room, users, epoch), follows=None)


class Edge:
    """The parts of an edge that have to do with presence, running."""

    def __init__(self, database: Database, redis_url: str, name: str = "e1", *, older: bool = False) -> None:
        """`older`: as one of the release before, which did not say which rooms it follows."""
        self.name = name
        kind = OlderPresence if older else EdgePresence
        self.presence = kind(database, manager(database, redis_url, name))
        self.fanout = Fanout(database, redis_url, OPENER, self.presence)
        self.router = Router(Directory(database, NoCluster()), SECRET, 5.0, self.presence)
        self.told: list[RoomsAt] = []
        """All that actors have said of where their rooms stand."""
        self.shown: list[int] = []
        """The numbers of the updates that actors have told of."""
        self.pulse = Pulse()
        self.router.told, self.router.heard = self._told, self._heard
        self.told_of: Callable[[RoomId], bool] = self.router.told_of

    def _told(self, rooms: RoomsAt) -> None:
        self.told.append(rooms)
        self.fanout.told(rooms)
        self.pulse.beat()

    def _heard(self, room: RoomId, update: bytes) -> None:
        self.shown.append(decode(update).seq)
        self.fanout.heard(room, update)
        self.pulse.beat()

    async def joins(self, actor: Actor, user: str, room: RoomId, epoch: Epoch) -> tuple[RoomFollower, Sink]:
        one, sink = follower(user)
        await self.fanout.begin(one, room)
        seen = await actor.table.look(epoch, user, room)
        assert isinstance(seen, ViewAt)
        self.fanout.place(one, room, seen.seq, seen.epoch, seen.audience, has_part=seen.has_part)
        return one, sink


@asynccontextmanager
async def edge(database: Database, redis_url: str, name: str = "e1", *, older: bool = False) -> AsyncIterator[Edge]:
    one = Edge(database, redis_url, name, older=older)
    running = [
        asyncio.create_task(one.fanout.run(lambda room: one.told_of(room))),
        asyncio.create_task(one.presence.run(one.router)),
    ]
    try:
        yield one
    finally:
        one.router.close()
        for task in running:
            assert not task.done(), "it goes on whatever happens"
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def execute(database: Database, statement: str, *arguments: Any) -> list[Any]:
    connection = await database.take()
    try:
        found: list[Any] = await connection.fetch(statement, *arguments)
        return found
    finally:
        await database.give_back(connection)
