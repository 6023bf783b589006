"""A python-socketio server on uvicorn, with the Redis manager when there is a Redis, as several servers need it."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

import socketio  # type: ignore[import-not-found]
import uvicorn

from tavola.load.bench.peers.python.game import Json
from tavola.load.bench.peers.python.store import Store
from tavola.load.bench.peers.python.table import PeerTable


class Tables:
    """By id; the first to ask for one opens it."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._opening: dict[str, asyncio.Task[PeerTable]] = {}

    async def find(self, room: str) -> PeerTable:
        if room not in self._opening:
            self._opening[room] = asyncio.create_task(self._open(room))
        return await self._opening[room]

    async def _open(self, room: str) -> PeerTable:
        table = PeerTable(room, self._store)
        await table.open()
        return table


def application(store: Store | None, redis_url: str | None) -> Any:
    manager = socketio.AsyncRedisManager(redis_url) if redis_url else None
    # A handler runs where its message was read, not in a task of its own: a tenth more actions (measured).
    sio = socketio.AsyncServer(
        async_mode="asgi", transports=["websocket"], client_manager=manager, async_handlers=False
    )
    tables = Tables(store)
    seats: dict[str, tuple[PeerTable, int]] = {}

    @sio.event  # type: ignore[untyped-decorator]
    async def join(sid: str, asked: Json) -> Json:
        table = await tables.find(asked["room"])
        seats[sid] = table, asked["index"]
        await sio.enter_room(sid, table.room)
        return table.view()

    @sio.event  # type: ignore[untyped-decorator]
    async def act(sid: str, action: Json) -> Json:
        table, seat = seats[sid]
        update = await table.act(seat, sid, action)
        if isinstance(update, str):
            return {"code": update}
        await sio.emit("update", update, room=table.room)
        return {"seq": update["seq"]}

    @sio.event  # type: ignore[untyped-decorator]
    async def disconnect(sid: str, reason: str) -> None:
        seats.pop(sid, None)

    return socketio.ASGIApp(sio)


async def main() -> None:
    url, folder = os.environ.get("DATABASE_URL"), Path(os.environ["SQL"])
    store = await Store.connect(url, folder) if url else None
    config = uvicorn.Config(
        application(store, os.environ.get("REDIS_URL")),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
    # As our own processes do: with 1,200 sockets the collector otherwise looks through all of them again and again.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
