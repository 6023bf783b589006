"""Followers of rooms without sockets: they collect the frames that they are written."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

from kit.waiting import Pulse
from tavola.actors.wire.commands import RoomId, UserId
from tavola.edge.ws.fanout import RoomFollower

_numbers = count(1)


class Sink:
    """A client's received messages: the payloads of its text frames."""

    def __init__(self) -> None:
        self.id = str(next(_numbers))
        self.payloads: list[dict[str, Any]] = []
        self.out = False
        """Its user was put out of the room."""
        self.started_over: list[RoomId] = []
        """The rooms that it was to be given whole views of."""
        self.pulse = Pulse()

    def write(self, frames: bytes) -> None:
        while frames:
            size, start = frames[1], 2
            if size == 126:
                size, start = int.from_bytes(frames[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(frames[2:10], "big"), 10
            assert frames[0] == 0x81
            assert len(frames) >= start + size, "whole, unmasked text frames"
            self.payloads.append(msgspec.json.decode(frames[start : start + size]))
            frames = frames[start + size :]
        self.pulse.beat()

    def given(self, room: RoomId, grant: str) -> bytes:
        return b',"rejoin_token":"for %b"' % grant.encode()

    def put_out(self) -> None:
        self.out = True

    def start_over(self, room: RoomId) -> None:
        self.started_over.append(room)
        self.pulse.beat()

    @property
    def seqs(self) -> list[int]:
        return [payload["seq"] for payload in self.payloads]

    async def has(self, seq: int) -> None:
        """Wait until that number has come."""
        await self.pulse.until(lambda: self.payloads and self.seqs[-1] >= seq)


def follower(user: str) -> tuple[RoomFollower, Sink]:
    sink = Sink()
    return RoomFollower(sink, UserId(user)), sink
