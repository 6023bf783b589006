"""The floor of our layout, the edge's part: `python -m tavola.load.bench.floor.layout_edge`, with PORT, ACTOR_PORT,
REDIS_URL.

WebSockets by hand on bare transports: a frame of any of a table's sockets goes to the actor as the table's number, and
what comes back, by the line or by Redis, whichever is first, goes to all of the table's sockets, with an ack for who
asked. Nobody signs in, nothing of a frame is read, nothing is repaired. The path names the table.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import os
from typing import cast

import hiredis
import msgspec
import uvloop
from websockets.speedups import apply_mask

from tavola.load.bench.floor.layout_actor import HEAD, MOVE, NUMBER, redis

KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BUSY, GATHER_S = 16, 0.004
"""As ours."""


class BareTable:
    def __init__(self) -> None:
        self.seq = 0
        self.sockets: list[asyncio.Transport] = []
        self.asked: asyncio.Transport | None = None
        """The client that waits for its ack."""


class BareEdge:
    def __init__(self, ack: bytes) -> None:
        self.tables: dict[int, BareTable] = {}
        self.line: asyncio.Transport
        self.redis: asyncio.Transport
        self._ack = _frame(ack)
        self._gathered: list[bytes] = []
        self._under_way = 0
        self._loop = asyncio.get_running_loop()

    def joined(self, number: int, socket: asyncio.Transport) -> None:
        if number not in self.tables:
            self.tables[number] = BareTable()
            self.redis.write(b"SUBSCRIBE %d\r\n" % number)
        self.tables[number].sockets.append(socket)

    def asked(self, number: int, socket: asyncio.Transport) -> None:
        self.tables[number].asked = socket
        if not self._gathered:
            if self._under_way > BUSY:
                self._loop.call_later(GATHER_S, self._flush)
            else:
                self._loop.call_soon(self._flush)
        self._under_way += 1
        self._gathered.append(NUMBER.pack(number))

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        if gathered:
            self.line.write(b"".join(gathered))

    def answered(self, number: int, seq: int, update: bytes) -> None:
        self._under_way -= 1
        self.heard(number, seq, update)

    def heard(self, number: int, seq: int, update: bytes) -> None:
        table = self.tables[number]
        if seq <= table.seq:
            return
        table.seq = seq
        asked, table.asked = table.asked, None
        frame = _frame(update)
        for socket in table.sockets:
            if socket.is_closing():
                continue
            socket.write(frame + self._ack if socket is asked else frame)


class BareSocket(asyncio.Protocol):
    """A player's."""

    def __init__(self, edge: BareEdge) -> None:
        self._edge = edge
        self._number: int | None = None
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._data + data
        if self._number is None:
            if b"\r\n\r\n" in data:
                head, _, data = data.partition(b"\r\n\r\n")
                self._number = self._shake_hands(head)
            else:
                self._data = data
                return
        while len(data) >= 6:
            size, body = data[1] & 0x7F, 2
            if size == 126:
                size, body = int.from_bytes(data[2:4], "big"), 4
            if len(data) < body + 4 + size:
                break
            message = apply_mask(data[body + 4 : body + 4 + size], data[body : body + 4])
            if data[0] == 0x81 and message:
                self._edge.asked(self._number, self._transport)
            else:
                self._transport.close()
            data = data[body + 4 + size :]
        self._data = data

    def _shake_hands(self, head: bytes) -> int:
        first, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        accepted = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + KEY).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accepted
        )
        number = int(first.split()[1].removeprefix(b"/"))
        self._edge.joined(number, self._transport)
        return number

    def connection_lost(self, error: Exception | None) -> None:
        if self._number is not None:
            self._edge.tables[self._number].sockets.remove(self._transport)


class BareLine(asyncio.Protocol):
    def __init__(self, edge: BareEdge) -> None:
        self._edge = edge
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        while len(data) - at >= HEAD.size:
            number, seq, size = HEAD.unpack_from(data, at)
            if len(data) - at < HEAD.size + size:
                break
            at += HEAD.size + size
            self._edge.answered(number, seq, data[at - size : at])
        self._rest = data[at:]


class BareRedis(asyncio.Protocol):
    def __init__(self, edge: BareEdge) -> None:
        self._edge = edge
        self._reader = hiredis.Reader()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            if isinstance(reply, list) and reply[0] == b"message":
                number, seq, _ = HEAD.unpack_from(reply[2])
                self._edge.heard(number, seq, reply[2][HEAD.size :])


def _frame(payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes((0x81, len(payload))) + payload
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


async def main() -> None:
    edge, loop = (
        BareEdge(msgspec.json.encode(msgspec.json.decode(MOVE.read_bytes())["ack"])),
        asyncio.get_running_loop(),
    )
    edge.line, _ = await loop.create_connection(lambda: BareLine(edge), "127.0.0.1", int(os.environ["ACTOR_PORT"]))
    edge.redis = await redis(lambda: BareRedis(edge))
    server = await loop.create_server(lambda: BareSocket(edge), "127.0.0.1", int(os.environ["PORT"]), backlog=4096)
    gc.freeze()
    gc.disable()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
