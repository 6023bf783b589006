"""Somebody on the network between an edge and an actor, without the secret: they relay, read, change, repeat, leave out
and hold back what both ends say, and learn and achieve nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import msgspec
import pytest
from structlog.testing import capture_logs

from kit.hosts import SECRET, connected, hosting, open_room, place
from kit.rooms import sender
from kit.waiting import Pulse
from tavola.actors.wire import line as lines
from tavola.actors.wire.commands import Chat, Epoch, RequestJoin, RoomId
from tavola.actors.wire.line import Line, LineLost, LineServer
from tavola.actors.wire.messages import Activate, Answer, GetView, Ok, Request, Submit

SILENT_S = 20.0
WITHIN_S = 20.0
Change = Callable[[list[bytes]], list[bytes]]


async def read(stream: asyncio.StreamReader) -> bytes:
    """The next message as it lies on the wire, without its length."""
    async with asyncio.timeout(WITHIN_S):
        return await stream.readexactly(int.from_bytes(await stream.readexactly(4), "big"))


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


async def until_cut(stream: asyncio.StreamReader) -> list[bytes]:
    """The messages that still come, up to the end of the connection."""
    heard = []
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            heard.append(await read(stream))
    return heard


# A relay of the hello


async def test_a_port_of_the_dead_and_a_relayed_hello_open_no_line_to_the_living(database_url: str) -> None:
    """They bind the port of an actor that died. To the edge that comes there they pass the number of a living actor,
    and to that one what the edge proves. Then they would be that edge, and look at a player's cards as that player."""

    async with connected(database_url) as database, hosting(database, "alive") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await table.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
        seq = (await table.view(epoch, "ann", room))["seq"]
        living = LineServer("alive", SECRET, table.host.handle, table.host.presence.lost)
        address = await living.start("127.0.0.1")
        dead = LineServer("dead", SECRET, table.host.handle, table.host.presence.lost)
        port = (await dead.start("127.0.0.1")).rpartition(":")[2]
        await dead.stop()

        said: list[bytes] = []
        over, pulse = False, Pulse()

        async def relay(edge: asyncio.StreamReader, to_edge: asyncio.StreamWriter) -> None:
            nonlocal over
            host, _, number = address.rpartition(":")
            actor, to_actor = await asyncio.open_connection(host, int(number))
            to_edge.write(framed(await read(actor)))
            to_actor.write(framed(await read(edge)))
            look = GetView(Epoch(epoch), sender("ann"), room)
            say = Submit(Epoch(epoch), sender("ann"), Chat(id="forged", room=room, text="as Ann"))
            for request in (look, say):
                to_actor.write(framed(msgspec.msgpack.encode([(1, request)])))
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    said.append(await read(actor))
                    pulse.beat()
            over = True
            pulse.beat()
            to_actor.close()
            to_edge.close()

        port_taken = await asyncio.start_server(relay, "127.0.0.1", int(port))
        with pytest.raises(LineLost):
            await Line.connect("dead", f"127.0.0.1:{port}", SECRET, SILENT_S, "edge")
        await pulse.until(lambda: over or len(said) > 1)
        port_taken.close()
        assert said == [], "the living actor answered somebody who is no edge"
        assert (await table.view(epoch, "ann", room))["seq"] == seq, "a command of nobody's took effect"

        line = await Line.connect("alive", address, SECRET, SILENT_S, "edge")
        assert await line.ask(Activate(Epoch(epoch), room)) == Ok(), "whoever means it reaches it"
        line.cut("done")
        await living.stop()


# Somebody on the wire


class Wire:
    """The wire between an edge and an actor, message by message. From `tamper` on, one direction is changed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.address = ""
        self.passed: list[bytes] = []
        self._change: dict[str, Change] = {}
        self._held: dict[str, list[bytes]] = {"edge": [], "actor": []}
        self._pulse = Pulse()
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def tamper(self, speaker: Literal["edge", "actor"], change: Change) -> None:
        """`change` is given what was held back and the next message, and gives what is let through now, if anything;
        what it leaves in the list is held back."""
        self._change[speaker] = change

    def inject(self, listener: Literal["edge", "actor"], data: bytes) -> None:
        self._writers[listener].write(data)

    async def serve(self) -> asyncio.Server:
        async def joined(edge: asyncio.StreamReader, to_edge: asyncio.StreamWriter) -> None:
            host, _, port = self._address.rpartition(":")
            actor, to_actor = await asyncio.open_connection(host, int(port))
            self._writers = {"edge": to_edge, "actor": to_actor}
            self._tasks += [
                asyncio.create_task(self._pass("actor", actor, to_edge)),
                asyncio.create_task(self._pass("edge", edge, to_actor)),
            ]

        server = await asyncio.start_server(joined, "127.0.0.1", 0)
        self.address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
        return server

    async def _pass(self, speaker: str, stream: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await read(stream)
                self.passed.append(message)
                held = self._held[speaker]
                held.append(message)
                change = self._change.get(speaker)
                out = change(held) if change is not None else [held.pop()]
                to.write(framed(*out))
                self._pulse.beat()
        to.close()

    async def end(self) -> None:
        for writer in self._writers.values():
            writer.close()
        await asyncio.gather(*self._tasks)


class Actor:
    """Answers whatever is asked; keeps who asked what."""

    def __init__(self) -> None:
        self.server = LineServer("a", SECRET, self._handle, self._lost)
        self.asked: list[Request] = []
        self.lost: list[str] = []
        self.pulse = Pulse()

    def _handle(self, request: Request, reply: Callable[[Answer], None]) -> None:
        self.asked.append(request)
        reply(Ok())

    def _lost(self, edge: str) -> None:
        self.lost.append(edge)
        self.pulse.beat()

    async def cut(self) -> None:
        await self.pulse.until(lambda: self.lost)


@asynccontextmanager
async def between() -> AsyncIterator[tuple[Line, Actor, Wire]]:
    """A line that works, with somebody on its wire. No beats: what passes is what the test has said."""
    actor = Actor()
    wire = Wire(await actor.server.start("127.0.0.1"))
    server = await wire.serve()
    line = await Line.connect("a", wire.address, SECRET, SILENT_S, "edge")
    assert await line.ask(rouse("first")) == Ok()
    try:
        yield line, actor, wire
    finally:
        line.cut("done")
        server.close()
        await wire.end()
        await actor.server.stop()


def rouse(room: str) -> Activate:
    return Activate(Epoch(1), RoomId(room))


def changed(held: list[bytes]) -> list[bytes]:
    """One bit of the first byte."""
    message = held.pop()
    return [bytes([message[0] ^ 1]) + message[1:]]


def shortened(held: list[bytes]) -> list[bytes]:
    return [held.pop()[:-1]]


def repeated(held: list[bytes]) -> list[bytes]:
    message = held.pop()
    return [message, message]


def left_out(held: list[bytes]) -> list[bytes]:
    """The first that comes; the others pass."""
    return [held.pop()] if len(held) > 1 else []


def turned_around(held: list[bytes]) -> list[bytes]:
    """Two change places."""
    if len(held) < 2:
        return []
    first, second = held
    held.clear()
    return [second, first]


CHANGES: list[Change] = [changed, shortened, repeated, left_out, turned_around]


@pytest.fixture(autouse=True)
def _no_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BEAT_S", 3600.0)


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
async def test_what_an_edge_asks_reaches_the_actor_as_it_was_asked_or_not_at_all(change: Change) -> None:
    async with between() as (line, actor, wire):
        wire.tamper("edge", change)
        asked = [rouse("second"), rouse("third")]
        owed = [line.ask(asked[0])]
        await asyncio.sleep(0)  # Each in a message of its own.
        owed.append(line.ask(asked[1]))
        await actor.cut()
        assert actor.asked == [rouse("first"), *asked][: len(actor.asked)], "in order, each once, none changed"
        assert len(actor.asked) == (2 if change is repeated else 1), "none after the one that was tampered with"
        assert any(isinstance(answer, LineLost) for answer in await asyncio.gather(*owed, return_exceptions=True))


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
async def test_what_an_actor_answers_reaches_the_edge_as_it_was_answered_or_not_at_all(change: Change) -> None:
    async with between() as (line, _, wire):
        wire.tamper("actor", change)
        owed = [line.ask(rouse("second"))]
        await asyncio.sleep(0)
        owed.append(line.ask(rouse("third")))
        async with asyncio.timeout(WITHIN_S):
            reason = await line.lost
        assert reason == "a message that the other end did not send, or not now"
        answers = await asyncio.gather(*owed, return_exceptions=True)
        lost = [isinstance(answer, LineLost) for answer in answers]
        assert lost == ([False, True] if change is repeated else [True, True])


@pytest.mark.parametrize("listener", ["edge", "actor"])
async def test_what_one_end_said_is_not_taken_for_what_the_other_says(listener: Literal["edge", "actor"]) -> None:
    """The third message of the edge is the first on the open line; so it is at the same place in the other's order."""

    async with between() as (line, actor, wire):
        hello, proof, asked, answered = wire.passed[0], wire.passed[2], wire.passed[3], wire.passed[4]
        assert len({len(hello), len(proof), len(asked), len(answered)}) > 1
        wire.inject(listener, framed(asked if listener == "edge" else answered))
        if listener == "edge":
            async with asyncio.timeout(WITHIN_S):
                await line.lost
        else:
            await actor.cut()
        assert actor.asked == [rouse("first")]


async def test_a_forged_beat_cuts_the_line() -> None:
    for beat in (msgspec.msgpack.encode([]), b"", b"\x90" + bytes(16)):
        async with between() as (_, actor, wire):
            wire.inject("actor", framed(beat))
            await actor.cut()


async def test_half_a_message_is_no_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor says nothing any more, and somebody on the wire dribbles bytes to the edge in its name."""
    monkeypatch.setattr(lines, "BEAT_S", 0.02)

    async with between() as (line, _, wire):
        wire.tamper("actor", lambda held: held.clear() or [])  # type: ignore[func-returns-value]
        wire.inject("edge", (60_000).to_bytes(4, "big"))
        line._silent = 0.2
        while not line.lost.done():
            wire.inject("edge", b"x")
            await asyncio.wait([line.lost], timeout=0.01)
        assert line.went_silent


async def test_nobody_on_the_wire_reads_what_is_said() -> None:
    async with between() as (line, actor, wire):
        for text in ("hole cards", "hole cards"):
            command = Chat(id="command-of-ann", room="a-room", text=text)
            assert await line.ask(Submit(Epoch(1), sender("ann"), command)) == Ok()
        assert len(actor.asked) == 3
        for told in (b"hole cards", b"command-of-ann", b"a-room", b"Ann", b"first"):
            assert not [message for message in wire.passed if told in message]
        sealed = wire.passed[3:]
        assert len(set(sealed)) == len(sealed) >= 6, "what is said twice is not the same twice"


# Versions


async def test_an_actor_tells_an_edge_of_the_version_before() -> None:
    """It proved itself in answer to whatever number came, and said nothing of a version."""

    actor = Actor()
    host, _, port = (await actor.server.start("127.0.0.1")).rpartition(":")
    stream, writer = await asyncio.open_connection(host, int(port))
    await read(stream)
    with capture_logs() as logged:
        writer.write(framed(bytes(16) + bytes(32) + b"edge"))
        assert await until_cut(stream) == []
    assert [entry["reason"] for entry in logged] == ["speaks another version of the line"]
    writer.close()
    await actor.server.stop()


async def test_an_edge_tells_an_actor_of_the_version_before() -> None:
    """It began with sixteen random bytes."""

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(bytes(range(16))))
        assert await reader.read() == b"", "and is told nothing that it could relay"
        writer.close()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    with pytest.raises(LineLost) as lost:
        await Line.connect("a", address, SECRET, SILENT_S)
    assert lost.value.reason == "speaks another version of the line"
    server.close()
