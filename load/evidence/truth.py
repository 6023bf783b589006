"""Postgres, read as it is: the log, the states, who owns which room. For a checker, and for who breaks things."""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files
from typing import Any

import asyncpg
import msgspec

from tavola.load.evidence.evidence import RecordedRoom, Row, StoredState
from tavola.storage.packing import unpack
from tavola.storage.postgres import AWAY

TRY_AGAIN_S = 0.1
WITHIN_S = 60.0


def _queries() -> dict[str, str]:
    text = files("tavola.load.proof").joinpath("queries.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (body.strip() for body in parts[1::2]), strict=True))


QUERIES = _queries()


class Truth:
    """One connection that comes back by itself: a query waits for the database up to `WITHIN_S`, then raises.

    A query may have been carried out more than once.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._turn = asyncio.Lock()

    async def rows(self, query: str, *arguments: Any, within_s: float = WITHIN_S) -> list[Any]:
        give_up_at = asyncio.get_running_loop().time() + within_s
        async with self._turn:
            while True:
                try:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(self._url, ssl=False, timeout=5, command_timeout=30)
                    rows: list[Any] = await self._connection.fetch(QUERIES[query], *arguments)
                    return rows
                except AWAY:
                    self.close()
                    if asyncio.get_running_loop().time() > give_up_at:
                        raise
                await asyncio.sleep(TRY_AGAIN_S)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def complete(self, room: RecordedRoom) -> None:
        """Adds to what was recorded of a room what the database has of it: its state, and the log up to that, for the
        room may go on meanwhile."""
        states = await self.rows("state", room.id)
        room.state = StoredState(*states[0]) if states else None
        log = [_row(room.id, row) for row in await self.rows("log", room.id)]
        room.log = [row for row in log if room.state is None or row.seq <= room.state.seq]
        room.opener = "".join([row["opened_by"] for row in await self.rows("opener", room.id)])
        room.seats = [(row["seat_index"], row["user_id"]) for row in await self.rows("seats", room.id)]


def _row(room: str, row: Any) -> Row:
    """A row of the log, unpacked."""
    packed = unpack(row["body"], room, row["user_id"], row["command_id"], row["at"])
    texts = ["" if text == b"null" else text.decode() for text in map(bytes, _decode(packed))]
    _, _, _, command, answer, events, patch, outside, private = texts[:9]
    return Row(
        seq=row["seq"],
        epoch=row["epoch"],
        user=row["user_id"],
        command_id=row["command_id"],
        command=command,
        answer=answer,
        events=events,
        patch=patch,
        outside=outside,
        private=private,
        entropy=row["entropy"],
        at=row["at"],
        committed_at=row["committed_at"],
    )


_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
