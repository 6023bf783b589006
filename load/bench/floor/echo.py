"""The floor of an edge: for each frame of one of a table's sockets an ack to it, and an update to all of the table's.

A bare ASGI application on the uvicorn, the loop and the WebSockets that the edge uses; it reads nothing of a frame and
sends the same bytes each time, as long as a real move's (move.json). The path names the table. The port is in PORT.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
MOVE = Path(__file__).with_name("move.json")


class Echo:
    def __init__(self, ack: str, update: str) -> None:
        self._ack: Message = {"type": "websocket.send", "text": ack}
        self._update: Message = {"type": "websocket.send", "text": update}
        self._tables: dict[str, list[Send]] = {}

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        table = self._tables.setdefault(scope["path"], [])
        table.append(send)
        try:
            while (await receive())["type"] == "websocket.receive":
                await send(self._ack)
                for each in table:
                    await each(self._update)
        finally:
            table.remove(send)


def main() -> None:
    move = msgspec.json.decode(MOVE.read_bytes())
    ack, update = (msgspec.json.encode(move[frame]).decode() for frame in ("ack", "update"))
    uvicorn.run(
        Echo(ack, update),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        lifespan="off",
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        access_log=False,
        log_level="warning",
        backlog=4096,
    )


if __name__ == "__main__":
    main()
