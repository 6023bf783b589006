"""A client of the wire that forgives nothing, on the `websockets` library. It knows protocol.md, no code of ours.

It keeps every frame, holds the view by merging patches, and notes each number that did not come once and in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import ssl
import time
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.typing import Subprotocol

PATIENCE_S = 40.0
HEARTBEAT_S = 20.0
TRIES = 20
Json = dict[str, Any]


class Identity(NamedTuple):
    user: str
    name: str
    token: str


class Api:
    """REST on one edge."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        # It keeps no cookie: it speaks for many users, each by their token.
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(
            base_url=url, cookies=jar, trust_env=False, timeout=PATIENCE_S, verify=tls if tls is not None else True
        )

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def request(
        self, method: str, path: str, who: Identity | None = None, body: Any = None, id: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who.token}"} if who else {}
        if id is not None:
            headers["Idempotency-Key"] = id
        return await self._client.request(method, path, headers=headers, json=body)

    async def ok(self, method: str, path: str, who: Identity | None = None, body: Any = None) -> Json:
        """Its answer. A call that is refused for now is made again, under the same id."""
        id = secrets.token_hex(8) if method != "GET" else None
        for _ in range(TRIES):
            reply = await self.request(method, path, who, body, id)
            if reply.is_success or "retry_after_ms" not in reply.text:
                break
            await asyncio.sleep(reply.json()["error"]["retry_after_ms"] / 1000)
        assert reply.is_success, reply.text
        answer: Json = reply.json()
        return answer

    async def sign_in(self, name: str) -> Identity:
        made = await self.ok("POST", "/api/session", None, {"display_name": name})
        return Identity(made["user_id"], name, made["token"])


async def reachable(url: str) -> bool:
    """Whether an edge answers there that can serve."""
    async with Api(url) as api:
        try:
            return (await api.request("GET", "/readyz")).is_success
        except httpx.HTTPError:
            return False


class Pending:
    """A command on its way: its frame, and the answers that came to it (one for each time that it was sent)."""

    def __init__(self, frame: Json) -> None:
        self.id: str = frame["id"]
        self.text = json.dumps(frame)
        self.answers: list[Json] = []


class Player:
    """One user's connection to one room. `frames` are all that ever came, as text, oldest first."""

    tls: ssl.SSLContext | None = None
    """For edges behind TLS."""

    def __init__(self, who: Identity, room: str) -> None:
        self.who = who
        self.room = room
        self.frames: list[str] = []
        self.numbers: list[int] = []
        """Every update's number as it came."""
        self.updates: dict[int, str] = {}
        """Number → the update as it came live."""
        self.told: dict[int, Json] = {}
        """Number → the update, however it came."""
        self.came_at: dict[int, float] = {}
        """Number → when it came live (`time.monotonic`)."""
        self.view: Json = {}
        self.seq = -1
        self.epoch = 0
        """The epoch that came with `seq`."""
        self.hydrations = 0
        self.faults: list[str] = []
        """The breaches of the promise of each number once, in order."""
        self.events: list[Json] = []
        self.closed: int | None = None
        self.url = ""
        """Of the edge that it was last connected to."""
        self._pending: dict[str, Pending] = {}
        self._sent = 0
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._beats: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    # The connection

    async def follow(self, url: str) -> None:
        """Connect and follow the room, from the last number seen on. On return this player is current."""
        await self.leave()
        self.closed, self.url = None, url
        self._socket = await connect(
            url.replace("http", "ws", 1) + "/ws",
            subprotocols=[Subprotocol("tavola.v1")],
            proxy=None,
            max_size=None,
            ssl=self.tls,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        self._beats = asyncio.create_task(self._beat(self._socket))
        joined = len(self.frames)
        after = {"after": self.seq, "epoch": self.epoch} if self.seq >= 0 else {}
        await self._socket.send(json.dumps({"type": "authenticate", "token": self.who.token}))
        await self._socket.send(json.dumps({"type": "join_room", "room": self.room, **after}))
        await self.until(
            lambda: any(f.startswith(('{"type":"hydrated"', '{"type":"updates"')) for f in self.frames[joined:]),
            "joined",
        )

    async def leave(self) -> None:
        """Cut the connection without a word."""
        if self._socket is not None:
            self._socket.transport.abort()
            self._socket = None
        if self._reader is not None and self._beats is not None:
            self._beats.cancel()
            await asyncio.wait([self._reader, self._beats])
            self._reader = self._beats = None

    async def _beat(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while socket.protocol.state is State.OPEN:
                await asyncio.sleep(HEARTBEAT_S)
                await socket.send('{"type":"heartbeat"}')

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            async for text in socket:
                assert isinstance(text, str)
                self.frames.append(text)
                self._take(json.loads(text))
                async with self._news:
                    self._news.notify_all()
        self.closed = socket.close_code or 1006
        async with self._news:
            self._news.notify_all()

    def _take(self, frame: Json) -> None:
        match frame["type"]:
            case "hydrated":
                self.hydrations += 1
                if frame["seq"] < self.seq:
                    self.faults.append(f"the view went back from {self.seq} to {frame['seq']}")
                self.seq, self.epoch, self.view = frame["seq"], frame["epoch"], frame["view"]
            case "update":
                self.updates[frame["seq"]] = self.frames[-1]
                self.came_at[frame["seq"]] = time.monotonic()
                self._update(frame)
            case "updates":
                for update in frame["updates"]:
                    self._update(update)
            case "ack" | "error" if frame.get("id") in self._pending:
                self._pending[frame["id"]].answers.append(frame)

    def _update(self, update: Json) -> None:
        if update["seq"] != self.seq + 1:
            self.faults.append(f"number {update['seq']} came after {self.seq}")
        self.numbers.append(update["seq"])
        self.told[update["seq"]] = update
        self.seq, self.epoch = update["seq"], update["epoch"]
        self.view = merged(self.view, update.get("patch", {}))
        self.events += update["events"]

    async def until(self, holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
        """Wait, frame by frame, for something true, and return it."""
        try:
            async with asyncio.timeout(within_s), self._news:
                while not (found := holds()):
                    assert self.closed is None, f"closed with {self.closed} while waiting: {what}"
                    await self._news.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{self.who.name}, not within {within_s:.0f} s: {what}; at {self.seq}") from None

    # Commands

    def send(self, kind: str, *, id: str | None = None, **fields: Any) -> Pending:
        """Send a command and do not wait."""
        self._sent += 1
        frame = {"type": kind, "id": id or f"{self.who.name}-{self._sent}", "room": self.room, **fields}
        pending = Pending(frame)
        self.again(pending)
        return pending

    def again(self, pending: Pending) -> None:
        """Send it (again), under the id that it has. With no connection it is lost, as it would be."""
        self._pending[pending.id] = pending
        if self._socket is not None:
            self._socket.protocol.send_text(pending.text.encode())
            self._socket.send_data()

    async def first_answer(self, pending: Pending) -> Json:
        """The first answer, even one that says to try again later."""
        await self.until(lambda: bool(pending.answers), f"{pending.text} answered")
        return pending.answers[0]

    async def answer(self, pending: Pending, count: int = 1) -> Json:
        """The `count`-th answer. A command that is refused for now is sent again."""
        tried = 0
        while True:
            await self.until(lambda: len(pending.answers) >= count, f"{pending.text} answered")
            answer = pending.answers[count - 1]
            if answer["type"] == "ack" or "retry_after_ms" not in answer:
                return answer
            tried += 1
            assert tried < 20, answer
            del pending.answers[count - 1]
            await asyncio.sleep(answer["retry_after_ms"] / 1000)
            self.again(pending)

    async def command(self, kind: str, **fields: Any) -> Json:
        """Its `ack`."""
        answer = await self.answer(self.send(kind, **fields))
        assert answer["type"] == "ack", answer
        return answer

    # The game

    @property
    def legal(self) -> list[Json]:
        legal: list[Json] = self.view["me"]["legal"]
        return legal

    @property
    def turn(self) -> int:
        number: int = self.my_turn["number"]
        return number

    @property
    def my_turn(self) -> Json:
        """One's own turn where several are to act, or the first of those that run."""
        turns: list[Json] = self.view.get("turns") or [self.view["turn"]]
        return next((turn for turn in turns if turn["seat_index"] == self.view["me"].get("seat_index")), turns[0])

    @property
    def cards(self) -> list[str]:
        cards: list[str] = self.view["me"]["hole_cards"]
        return cards

    def to_act(self) -> bool:
        if "turn" not in self.view:
            return False
        return self.my_turn["seat_index"] == self.view["me"].get("seat_index") and bool(self.legal)

    def passive(self) -> Json:
        """The arguments of the move that stays in for the least; of a game that knows no such, the first."""
        known = [offer for name in ("check", "call", "mark", "fold") for offer in self.legal if offer["move"] == name]
        offer = (known or self.legal)[0]
        return {**{key: _first(value) for key, value in offer.items()}, "turn": self.turn}


def _first(offer: Any) -> Any:
    match offer:
        case {"choices": [first, *_]} | {"min": first}:
            return first
        case _:
            return offer


def merged(view: Any, patch: Any) -> Any:
    """RFC 7396, as its section 2 has it."""
    if not isinstance(patch, dict):
        return patch
    out = dict(view) if isinstance(view, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out
