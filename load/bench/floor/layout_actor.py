"""The floor of our layout, the actor's part: `python -m tavola.load.bench.floor.layout_actor`, with PORT, DATABASE_URL,
REDIS_URL.

It takes what our actor takes and gives what it gives, and does nothing in between: it commits whatever has come while
the last commit ran with our own statement and the rows of a real move (move.json), publishes each update, and then
answers. There are no rooms in it: no game, no views, no commands, nothing to be decided or remembered but a number.

A request on the line is a table's number (LAYOUT), an answer HEAD and the update; on Redis the same is published.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from pathlib import Path
from struct import Struct, unpack
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
import msgspec
import uvloop

from tavola.load.bench.floor.script import EPOCH, VERSIONS, RecordedMove, body_of, query, rooms

TABLES = 1000
NUMBER = Struct("!I")
HEAD = Struct("!III")
"""Table, seq, bytes of the update that follows."""
MOVE = Path(__file__).with_name("move.json")
BATCH = 500


class Bare:
    """All there is of a table is its seq."""

    def __init__(self, one: Any, many: Any, redis: asyncio.Transport, move: RecordedMove, update: bytes) -> None:
        """`one` and `many` are our statements, prepared; `update` has the place of its seq as `%d`."""
        self._one, self._many = one, many
        self._redis = redis
        self._state, self._update = move.state, update
        row = move.row
        self._user, self._at = row["user_id"], row["at"]
        self._rest = [bytes.fromhex(row["entropy"].removeprefix("\\x")), body_of(row), row["at"], VERSIONS]
        self._names = rooms(TABLES)
        self._seqs = [0] * TABLES
        self.asked: list[tuple[int, asyncio.Transport]] = []
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.ready.wait()
            self.ready.clear()
            while self.asked:
                batch, self.asked = self.asked[:BATCH], self.asked[BATCH:]
                await self._commit([number for number, _ in batch])
                self._tell(batch)

    async def _commit(self, tables: list[int]) -> None:
        size = len(tables)
        names, before = [self._names[number] for number in tables], [self._seqs[number] for number in tables]
        seqs = [seq + 1 for seq in before]
        ids = [f"{seq:032x}" for seq in seqs]
        states: list[list[Any]] = [names, [EPOCH] * size, before, seqs, [self._state] * size, [self._at] * size]
        rows: list[list[Any]] = [
            names,
            seqs,
            [self._user] * size,
            ids,
            *([value] * size for value in self._rest),
            [number.to_bytes(8, "big") + seq.to_bytes(8, "big") for number, seq in zip(tables, seqs, strict=True)],
            [1] * size,
            [None] * size,
        ]
        if size == 1:
            _, _, user, id, entropy, body, _, *rest = (value for (value,) in rows)
            written = await self._one.fetch(*(value for (value,) in states), user, id, entropy, body, *rest)
        else:
            written = await self._many.fetch(*states, *rows)
        assert len(written) == size
        for number, seq in zip(tables, seqs, strict=True):
            self._seqs[number] = seq

    def _tell(self, batch: list[tuple[int, asyncio.Transport]]) -> None:
        published, answers = [], []
        for number, _ in batch:
            update = self._update % self._seqs[number]
            told = HEAD.pack(number, self._seqs[number], len(update)) + update
            answers.append(told)
            published.append(b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%d\r\n$%d\r\n%b\r\n"
                             % (len(str(number)), number, len(told), told))  # fmt: skip
        batch[0][1].write(b"".join(answers))
        self._redis.write(b"".join(published))


class BareActorLine(asyncio.Protocol):
    """The one edge's requests. Each table has one under way."""

    def __init__(self, bare: Bare) -> None:
        self._bare = bare
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) // NUMBER.size
        self._rest = data[whole * NUMBER.size :]
        self._bare.asked += [(number, self._transport) for number in unpack(f"!{whole}I", data[: whole * NUMBER.size])]
        self._bare.ready.set()


async def redis(protocol: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
    """A connection to REDIS_URL. Replies go to the protocol, the first of them to AUTH."""
    url = urlsplit(os.environ["REDIS_URL"])
    transport, _ = await asyncio.get_running_loop().create_connection(
        protocol, str(url.hostname), int(url.port or 6379)
    )
    transport.write(f"AUTH {url.password}\r\n".encode())
    return transport


async def main() -> None:
    move = msgspec.json.decode(MOVE.read_bytes(), type=RecordedMove)
    told = msgspec.json.decode(MOVE.read_bytes())["update"]
    update = msgspec.json.encode({**told, "seq": 0}).replace(b"%", b"%%").replace(b'"seq":0', b'"seq":%d')
    connection = await asyncpg.connect(
        os.environ["DATABASE_URL"], ssl=False, server_settings={"jit": "off", "plan_cache_mode": "force_generic_plan"}
    )
    await connection.execute(MOVE.with_name("rooms.sql").read_text(), rooms(TABLES), move.state)
    one, many = await connection.prepare(query("commit_one")), await connection.prepare(query("commit"))
    bare = Bare(one, many, await redis(asyncio.Protocol), move, update)
    await asyncio.get_running_loop().create_server(lambda: BareActorLine(bare), "127.0.0.1", int(os.environ["PORT"]))
    gc.freeze()
    gc.disable()
    await bare.run()


if __name__ == "__main__":
    uvloop.run(main())
