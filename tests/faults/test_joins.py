"""A client that changes its mind faster than it is answered: joins, leaves and resyncs of one room in one breath."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from kit.client import Api, Identity
from kit.stack import Stack

pytestmark = [pytest.mark.slow]


class Raw:
    """A socket without any care for what comes back."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, *frames: dict[str, Any]) -> None:
        """All at once: in one write, as near as a library lets us."""
        for frame in frames:
            await self.socket.send(json.dumps(frame))

    async def hear(self, kind: str) -> list[dict[str, Any]]:
        """Everything up to and with the first frame of `kind`."""
        heard = []
        while True:
            heard.append(json.loads(await self.socket.recv()))
            if heard[-1]["type"] == kind:
                return heard


async def _room(api: Api, host: Identity) -> str:
    opened = await api.ok("POST", "/api/rooms", host, {"game": "tictactoe", "approval": "auto"})
    room: str = opened["id"]
    await api.ok("POST", f"/api/rooms/{room}/spectate", host, {})
    return room


async def test_who_leaves_at_once_hears_no_more(stack: Stack) -> None:
    async with Api(stack.urls[0]) as api, connect(f"ws{stack.urls[0][4:]}/ws") as socket:
        host = await api.sign_in("Hasty")
        room = await _room(api, host)
        raw = Raw(socket)
        await raw.say({"type": "authenticate", "token": host.token})
        for number in range(20):
            join, leave = {"type": "join_room", "room": room}, {"type": "leave_room", "room": room}
            await raw.say(join, leave, join, leave, {"type": "heartbeat"})
            heard = await raw.hear("heartbeat_ack")
            await raw.say({"type": "chat", "id": f"c{number}", "room": room, "text": "anybody?"})
            heard += await raw.hear("ack")
            last = max(i for i, frame in enumerate(heard) if frame["type"] == "left")
            assert [f["type"] for f in heard[last + 1 :]] == ["heartbeat_ack", "ack"]


async def test_a_resync_on_top_of_a_join_leaves_no_hole(stack: Stack) -> None:
    async with Api(stack.urls[0]) as api, connect(f"ws{stack.urls[0][4:]}/ws") as socket:
        host = await api.sign_in("Hasty")
        room = await _room(api, host)
        raw = Raw(socket)
        await raw.say({"type": "authenticate", "token": host.token})
        seq = 1
        for number in range(20):
            says = [{"type": "chat", "id": f"c{number}.{i}", "room": room, "text": str(i)} for i in range(3)]
            join: dict[str, Any] = {"type": "join_room", "room": room}
            await raw.say(join, {"type": "resync", "room": room, "after": seq}, *says)
            held: int | None = None
            acks = views = resynced = last = 0
            while acks < 3 or not (resynced or views > 1) or held is None or held < last:
                frame = json.loads(await socket.recv())
                match frame["type"]:
                    case "hydrated":
                        views += 1  # Also a resync is answered so, where the gap could not be read in time.
                        held = frame["seq"]
                    case "updates":
                        resynced += 1
                        held = seq + len(frame["updates"])
                        assert [u["seq"] for u in frame["updates"]] == list(range(seq + 1, held + 1))
                    case "update":
                        assert frame["seq"] == (held or 0) + 1, "every number once, in order, after a view or a resync"
                        held = frame["seq"]
                    case "ack":
                        acks, last = acks + 1, frame["seq"]
                    case "error":
                        raise AssertionError(frame)
            seq = held  # Or more than three: that the host was gone for a moment may have been noted meanwhile.
            await raw.say({"type": "leave_room", "room": room})
            await raw.hear("left")
