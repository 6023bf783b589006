"""The rooms in an actor's memory: loading them once however many ask, letting them go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tavola.actors.host.answers import REMEMBERED
from tavola.actors.host.loaded_room import LoadedRoom, Reply
from tavola.actors.host.rebuild import mends, rebuild
from tavola.actors.host.teller import Teller
from tavola.actors.log.unreadable import Corrupted, Newer
from tavola.actors.wire.commands import Epoch, RoomId, Seq
from tavola.actors.wire.messages import Answer, Moved, Ok, Refusal, Request, RoomGone
from tavola.actors.wire.refusals import BROKEN, away
from tavola.config.batched import Batched
from tavola.storage.measures import Measures
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.rows import Row

log = structlog.get_logger()

RETRY_S = 0.1
HELD_S = 5.0
"""How long a request is held while storage is away, before it is refused."""


class Rooms:
    """Loaded rooms, by id. A room is loaded when it is asked for and the directory says that it is this actor's."""

    def __init__(self, actor: str, database: Database, measures: Measures) -> None:
        """Loads, replays and repairs are counted in `measures`."""
        self.teller = Teller(self.all)
        self._actor = actor
        self._database = database
        self._measures = measures
        self._stored = Batched(self._rows_of)
        self._lately = Batched(self._logs_of)
        self._loaded: dict[RoomId, LoadedRoom] = {}
        self._loading: dict[RoomId, list[tuple[Request, Reply]]] = {}
        self._dropped = Epoch(-1)
        """The highest epoch at which a room was let go of here."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.queued = 0
        """Requests that wait for a room to be loaded."""

    def __len__(self) -> int:
        return len(self._loaded)

    def all(self) -> list[LoadedRoom]:
        return list(self._loaded.values())

    def holds(self, loaded: LoadedRoom) -> bool:
        return self._loaded.get(loaded.id) is loaded

    def get(self, room: RoomId, epoch: Epoch) -> LoadedRoom | None:
        """The room, unless it must be loaded: it is not here, or was placed again since (then it is dropped)."""
        loaded = self._loaded.get(room)
        if loaded is not None and loaded.epoch < epoch:
            self.drop(loaded)
            return None
        return loaded

    def drop(self, loaded: LoadedRoom) -> None:
        """Forget a room. A command that is under way for it will be fenced or answered by the commit that it is in.

        Should it be loaded here again at an epoch at which it may have been here, that epoch is raised first. So a
        commit that is still on its way is refused, edges learn that the room was loaded afresh and knows of nobody's
        presence, and no two loads give the same numbers at the same epoch, whatever the database has forgotten
        between them."""
        loaded.stop_timer()
        self._dropped = max(self._dropped, loaded.epoch)
        if self.holds(loaded):
            del self._loaded[loaded.id]
            self.teller.let_go(loaded.id)

    def gone(self, loaded: LoadedRoom, where: RoomGone) -> None:
        """Forget a room that another actor has now; edges are told of it at once."""
        self.drop(loaded)
        self.teller.gone(where)

    async def warm(self) -> None:
        """Ask what a load asks, of a room that there is not. Raises `StorageUnavailable`."""
        await self._stored(RoomId(""))
        await self._lately((RoomId(""), Seq(1)))

    def load(self, request: Request, reply: Reply, handle: Callable[[Request, Reply], None]) -> None:
        """Load the request's room, then `handle` it; or answer it, when the room cannot be had here."""
        queue = self._loading.get(request.room)
        self.queued += 1
        if queue is not None:
            queue.append((request, reply))
            return
        queue = self._loading[request.room] = [(request, reply)]
        task = asyncio.get_running_loop().create_task(self._load(request.room, queue, handle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def prepare(self, room: RoomId, reply: Reply) -> None:
        """Read a room that is another's; `reply` is called with `Ok`, or with why it could not be loaded here."""
        task = asyncio.get_running_loop().create_task(self._prepare(room, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, room: RoomId, reply: Reply) -> None:
        answer: Answer = BROKEN
        try:
            row = await self._stored(room)
            if row is not None:
                await self._made(row)
            answer = Ok()
        except Corrupted as error:
            answer = error.refusal()
        except StorageUnavailable as error:
            answer = away(full=error.full)
        except Exception:  # Here it is not to be loaded, for whichever reason.
            log.exception("room.load_failed", room=room)
        reply(answer)

    async def _load(
        self, room: RoomId, queue: list[tuple[Request, Reply]], handle: Callable[[Request, Reply], None]
    ) -> None:
        answer = await self._held(room)
        del self._loading[room]
        self.queued -= len(queue)
        for request, reply in queue:
            if answer is None:
                handle(request, reply)
            else:
                reply(answer)

    async def _held(self, room: RoomId) -> Answer | None:
        """Load, trying again while storage is away; None when the room is here."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        give_up_at = began + HELD_S
        while True:
            try:
                answer = await self._read(room)
                if answer is None:
                    self._measures[self._loaded[room].room.info.game].loads.took(loop.time() - began)
                return answer
            except StorageUnavailable as error:
                log.warning("room.load_waits", room=room, reason=str(error))
                if loop.time() > give_up_at:
                    return away(full=error.full)
                await asyncio.sleep(RETRY_S)
            except Exception:  # Everybody who waits for this room is answered all the same.
                log.exception("room.load_failed", room=room)
                return BROKEN

    async def _read(self, room: RoomId, *, mended: bool = False) -> Answer | None:
        row = await self._stored(room)
        if row is not None and row["actor"] == self._actor and row["epoch"] <= self._dropped:
            await self._database.rows("raise_epochs", rooms=[room], epochs=[row["epoch"]])
            row = await self._stored(room)
        # Of a room that is gone whoever asks finds out why, as of one that is elsewhere.
        if row is None or row["actor"] != self._actor:
            return Moved()
        try:
            try:
                loaded = await self._made(row)
            except Corrupted as error:
                if mended or not mends(error):
                    raise
                self._measures[row["game"]].replays += 1
                if not await rebuild(self._database, row, error):
                    raise
                self._measures[row["game"]].repairs += 1
                return await self._read(room, mended=True)
        except Corrupted as error:
            return await self._give_up(row, error)
        if row["unread"]:
            await self._database.rows("readable_again", room_id=room)
        self._loaded[room] = loaded
        self.teller.changed(loaded)
        log.info("room.loaded", room=room, epoch=loaded.epoch, seq=loaded.seq)
        return None

    async def _made(self, row: Row) -> LoadedRoom:
        return LoadedRoom(row, await self._lately((RoomId(row["id"]), Seq(row["seq"]))) if row["seq"] else [])

    async def _rows_of(self, rooms: list[RoomId]) -> list[Row | None]:
        found = {row["id"]: row for row in await self._database.rows("load_room", rooms=rooms)}
        return [found.get(room) for room in rooms]

    async def _logs_of(self, asked: list[tuple[RoomId, Seq]]) -> list[list[Row]]:
        """The last updates of these rooms up to these numbers."""
        rooms, seqs = [room for room, _ in asked], [seq for _, seq in asked]
        logs: list[list[Row]] = [[] for _ in asked]
        for row in await self._database.rows("log_last", rooms=rooms, seqs=seqs, most=REMEMBERED):
            logs[row["number"] - 1].append(row)
        return logs

    async def _give_up(self, row: Row, error: Corrupted) -> Refusal:
        """Nobody owns a room that cannot be read, and nobody tries again for a while."""
        if isinstance(error, Newer):
            log.warning("room.newer", room=error.room, seq=error.seq, found=error.found)
        else:
            log.error("room.corrupted", room=error.room, seq=error.seq, found=error.found, exc_info=error)
        await self._database.rows(
            "give_up_room",
            room_id=row["id"],
            epoch=row["epoch"],
            actor=self._actor,
            seq=row["seq"],
            code=error.code,
            found=error.found,
            for_s=error.wait_s,
        )
        return error.refusal()

    async def release(self, loaded: LoadedRoom) -> None:
        """Evict an idle room: nobody owns it until somebody asks for it."""
        self.drop(loaded)
        await self._database.rows("release_room", room_id=loaded.id, epoch=loaded.epoch, actor=self._actor)
        log.info("room.evicted", room=loaded.id, seq=loaded.seq)
