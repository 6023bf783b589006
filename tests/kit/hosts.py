"""Hosts on a real database, without Ray: rooms opened and placed as a directory does, requests asked and awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import msgspec

from kit.rooms import START_MS, sender
from kit.waiting import Pulse
from tavola.actors.cluster import ceiling
from tavola.actors.cluster.directory import Directory
from tavola.actors.host.host import Host, HostDeps
from tavola.actors.outside.opening import open_rows
from tavola.actors.room.clock import Grace
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import AnyCommand, Chat, Epoch, RoomId, UserId
from tavola.actors.wire.errands import Opening
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.messages import Activate, Answer, Committed, GetView, PresenceAt, Request, Submit, ViewAt
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.update import Update
from tavola.config.checkpoints import EVERY_HAND, CheckpointEvery
from tavola.config.keys import Purpose, Secrets
from tavola.storage.postgres import Database
from tavola.storage.rows import Row
from tavola.storage.sealing import Opener, Sealer

_numbers = count(1)

SECRET = Secrets(b"a secret of tests, 32 bytes long")
SEALER, OPENER = Sealer(SECRET.keys(Purpose.REDIS)[0]), Opener(SECRET.keys(Purpose.REDIS))
GRACE = Grace(disconnected_ms=300_000, freed_ms=600_000)
WITHIN_S = 8.0
"""How long any single answer is waited for."""


class Time:
    """The hosts' clock, moved by hand. In milliseconds."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


class Published:
    """The messages that would go to Redis."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Update]] = []
        self.presences: list[PresenceAt] = []
        self.pulse = Pulse()

    def publish(self, room: str, epoch: int, seq: int, message: bytes) -> None:
        update = codec.decode(message)
        assert (update.room, update.epoch, update.seq) == (room, epoch, seq)
        self.messages.append((room, update))
        self.pulse.beat()

    def publish_presence(self, message: bytes) -> None:
        self.presences.append(msgspec.json.decode(message, type=PresenceAt))
        self.pulse.beat()

    def seqs(self, room: str) -> list[int]:
        return [update.seq for where, update in self.messages if where == room]


class Table:
    """A running host and what can be asked of it."""

    def __init__(self, host: Host, name: str, time: Time, published: Published) -> None:
        self.host, self.name, self.time, self.published = host, name, time, published
        self.reached: list[str] = []
        """The crash points that were passed."""

    def begin(self, request: Request) -> asyncio.Future[Answer]:
        """Ask; the answer comes later. A second answer would be an error."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.host.handle(request, answer.set_result)
        return answer

    async def ask(self, request: Request) -> Answer:
        async with asyncio.timeout(WITHIN_S):
            return await self.begin(request)

    def deliver(self, epoch: int, user: str, command: AnyCommand) -> asyncio.Future[Answer]:
        return self.begin(Submit(Epoch(epoch), sender(user), command))

    async def does(self, epoch: int, user: str, command: AnyCommand) -> Committed:
        answer = await self.ask(Submit(Epoch(epoch), sender(user), command))
        assert isinstance(answer, Committed), answer
        return answer

    async def look(self, epoch: int, user: str, room: RoomId) -> Answer:
        return await self.ask(GetView(Epoch(epoch), sender(user), room))

    async def view(self, epoch: int, user: str, room: RoomId) -> dict[str, Any]:
        seen = await self.look(epoch, user, room)
        assert isinstance(seen, ViewAt), seen
        view: dict[str, Any] = msgspec.json.decode(seen.view)
        return view

    async def rouse(self, epoch: int, room: RoomId) -> Answer:
        return await self.ask(Activate(Epoch(epoch), room))


@asynccontextmanager
async def hosting(
    database: Database,
    name: str,
    time: Time | None = None,
    capacity: int = 100,
    published: Published | None = None,
    every: CheckpointEvery = EVERY_HAND,
) -> AsyncIterator[Table]:
    """A host that runs, registered in `room_actors`."""
    time, published = time or Time(), published or Published()
    reached: list[str] = []
    host = Host(name, database, published, HostDeps(time, reached.append, GrantSigner(*SECRET.all), GRACE, every))
    table = Table(host, name, time, published)
    table.reached = reached
    await ceiling.register(database, name, "node", 1, "127.0.0.1:1", capacity, None)
    running = asyncio.create_task(host.run())
    try:
        yield table
    finally:
        assert not running.done(), "the host goes on whatever happens"
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def connected(url: str, **sizes: int) -> AsyncIterator[Database]:
    database = await Database.connect(url, **{"most": 8, **sizes})
    try:
        yield database
    finally:
        await database.close()


async def open_room(database: Database, game: str = "tictactoe", host: str = "host", **fields: Any) -> RoomId:
    """A new room in the database, owned by nobody; opened `at` (ms)."""
    number, at = next(_numbers), fields.pop("at", START_MS)
    room = RoomId(f"r_{number:016x}")
    wish = RoomWish(game=game, approval=fields.pop("approval", "auto"), options=fields)
    name = sender(host).name
    rows = open_rows(wish, room, f"C{number:05d}", "A table", UserId(host), name, START_MS)
    assert isinstance(rows, Opening), rows
    made = await database.row(
        "create_room",
        room_id=room,
        code=f"C{number:05d}",
        game=rows.game,
        settings=rows.settings,
        host_id=host,
        max_players=rows.max_players,
        at=at,
        creation_id=None,
        host_name=name,
        state=rows.state,
        checkpoint=rows.checkpoint,
        alarm_at=rows.alarm_at,
        reserved=[],
        reserved_for=None,
        most_hosted=0,
        most_opened=0,
    )
    assert made is not None
    assert made["outcome"] == "made"
    return room


class _NoStarter:
    """There are actors with room to spare. A test's do not beat, so on a busy machine they count as dead after a while:
    all are given another one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start_actor(self, avoid: str | None = None) -> None:
        connection = await self._database.take()
        try:
            assert await connection.fetch("UPDATE room_actors SET alive_at = now() RETURNING name"), "there are actors"
        finally:
            await self._database.give_back(connection)


async def place(database: Database, room: RoomId, avoid: str | None = None) -> Epoch:
    """Place the room, with whoever is not `avoid`, as an edge does; returns its new epoch."""
    row = await database.row("locate", rooms=[room])
    assert row is not None
    placed = await Directory(database, _NoStarter(database)).place(room, Epoch(row["epoch"]), avoid)
    assert placed.epoch > row["epoch"]
    return placed.epoch


async def log_of(database: Database, room: RoomId) -> list[Row]:
    """The whole log of a room, as (seq, epoch, user_id, command_id, …)."""
    rows: list[Row] = await database.rows("log_commands", room_id=room, after=0, most=100_000)
    return rows


async def stored(database: Database, room: RoomId) -> Row:
    row = await database.row("load_room", rooms=[room])
    assert row is not None
    return row


def chat(room: RoomId, id: str, text: str = "hello") -> Chat:
    """A command that its host may always give."""
    return Chat(id=id, room=room, text=text)
