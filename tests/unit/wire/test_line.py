"""The line between an edge and an actor: proof of who is there, many in flight, and what a cut line owes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from kit.waiting import Pulse
from tavola.actors.wire import line as lines
from tavola.actors.wire.commands import Chat, Epoch, RoomId, Sender, Seq, UserId
from tavola.actors.wire.line import Line, LineFull, LineLost, LineServer
from tavola.actors.wire.messages import (
    Activate,
    Answer,
    Committed,
    HandOver,
    Ok,
    Refusal,
    Request,
    RoomAt,
    RoomGone,
    RoomsAt,
    Submit,
    UpdateTold,
)
from tavola.config.keys import Secrets

SECRET = Secrets(b"s" * 32)
ANOTHER = Secrets(b"t" * 32)
SILENT_S = 5.0


class Actor:
    """Takes requests and answers when it is told to."""

    def __init__(self, name: str = "a", secrets: Secrets = SECRET) -> None:
        self.server = LineServer(name, secrets, self._handle, self._lost)
        self.asked: list[tuple[Request, Callable[[Answer], None]]] = []
        self.lost: list[str] = []
        self.pulse = Pulse()
        self.address = ""

    def _lost(self, edge: str) -> None:
        self.lost.append(edge)
        self.pulse.beat()

    def _handle(self, request: Request, reply: Callable[[Answer], None]) -> None:
        self.asked.append((request, reply))
        self.pulse.beat()

    async def has(self, count: int) -> None:
        await self.pulse.until(lambda: len(self.asked) >= count)


@asynccontextmanager
async def actor(name: str = "a", secrets: Secrets = SECRET) -> AsyncIterator[Actor]:
    one = Actor(name, secrets)
    one.address = await one.server.start("127.0.0.1")
    try:
        yield one
    finally:
        await one.server.stop()


def rouse(number: int) -> Activate:
    return Activate(Epoch(1), RoomId(f"r_{number}"))


async def reason(actor: str, address: str, secrets: Secrets = SECRET) -> str:
    with pytest.raises(LineLost) as lost:
        await Line.connect(actor, address, secrets, SILENT_S)
    return lost.value.reason


async def test_many_requests_in_flight_are_answered_out_of_order() -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        answers = [line.ask(rouse(i)) for i in range(500)]
        await one.has(500)
        assert [request for request, _ in one.asked] == [rouse(i) for i in range(500)], "in the order of asking"
        for i, (_, reply) in reversed(list(enumerate(one.asked))):
            reply(Refusal("x", str(i)))
        got = await asyncio.gather(*answers)
        assert [answer.message for answer in got if isinstance(answer, Refusal)] == [str(i) for i in range(500)]
        line.cut("done")


async def test_what_is_said_in_one_turn_leaves_in_one_message() -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        written: list[bytes] = []
        setattr(line, "_write", written.append)  # noqa: B010
        for i in range(10):
            line.ask(rouse(i)).cancel()
        assert written == []
        await asyncio.sleep(0)
        [message] = written
        assert len(msgspec.msgpack.decode(message)) == 10
        line.cut("done")


async def test_what_is_asked_of_a_busy_actor_gathers() -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        written: list[bytes] = []
        write = line._write

        def count(message: bytes) -> None:
            written.append(message)
            write(message)

        setattr(line, "_write", count)  # noqa: B010
        answers = []
        for i in range(lines.BUSY):
            answers.append(line.ask(rouse(i)))
            await asyncio.sleep(0)
        assert len(written) == lines.BUSY, "each at once while there is little to do"
        for i in range(lines.TOGETHER + 1):
            answers.append(line.ask(rouse(lines.BUSY + i)))
        assert [len(msgspec.msgpack.decode(message)) for message in written[lines.BUSY :]] == [lines.TOGETHER]
        await one.has(len(answers))
        assert [request for request, _ in one.asked] == [rouse(i) for i in range(len(answers))]
        for _, reply in one.asked:
            reply(Ok())
        assert set(await asyncio.gather(*answers)) == {Ok()}
        line.cut("done")


async def test_what_waits_for_company_leaves_with_the_next_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "GATHER_S", 3600.0)

    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        for i in range(lines.BUSY):
            line.ask(rouse(i))
        await one.has(lines.BUSY)
        late = line.ask(rouse(lines.BUSY))
        _, reply = one.asked[0]
        reply(Ok())
        await one.has(lines.BUSY + 1)
        _, reply = one.asked[-1]
        reply(Ok())
        assert await late == Ok()
        line.cut("done")


async def test_an_answer_that_is_not_taken_costs_the_others_nothing() -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)

        def broken(_: Answer | LineLost) -> None:
            raise ZeroDivisionError

        line.put(rouse(0), broken)
        answer = line.ask(rouse(1))
        await one.has(2)
        for _, reply in one.asked:
            reply(Ok())
        assert await answer == Ok()
        assert line.open
        line.cut("done")


async def test_an_edge_that_does_not_know_the_secret_is_let_in_nowhere() -> None:
    async with actor() as one:
        assert await reason("a", one.address, ANOTHER)
        assert one.asked == []
        assert not one.server.ends


async def test_an_actor_that_does_not_know_the_secret_is_not_believed() -> None:
    async with actor(secrets=ANOTHER) as one:
        assert await reason("a", one.address)


async def test_the_actor_learns_which_edge_is_lost() -> None:
    """When the last of its lines is cut, and of nobody who has proved nothing."""

    async with actor() as one:
        lines = [await Line.connect("a", one.address, SECRET, SILENT_S, edge) for edge in ("e1", "e1", "e2", "")]
        await reason("a", one.address, ANOTHER)
        for line in (lines[3], lines[0], lines[2]):
            line.cut("done")
        await one.pulse.until(lambda: one.lost and len(one.server.ends) == 1)
        assert one.lost == ["e2"]
        lines[1].cut("done")
        await one.pulse.until(lambda: len(one.lost) == 2)
        assert one.lost == ["e2", "e1"]


async def test_another_actor_at_the_address_is_noticed() -> None:
    """A port may belong to somebody else by now: who was not meant does not open."""

    async with actor("b") as other:
        assert await reason("a", other.address)
        assert not other.server.ends


async def test_nobody_is_there() -> None:
    async with actor() as one:
        gone = one.address
    assert await reason("a", gone)


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\x00\x01\x00\x00",
        b"\x00\x00\x00\x01\x90",
        b"\x00" * 4,
        b"\x00\x00\x00\x30" + b"x" * 48,
    ],
    ids=["http", "oversized", "too large for a hello", "beat", "empty", "wrong proof"],
)
async def test_garbage_is_cut_and_harms_nobody(said: bytes) -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        host, _, port = one.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await reader.readexactly(4 + len(lines.HELLO) + 18)
        writer.write(said)
        async with asyncio.timeout(10):
            assert await reader.read() == b"", "cut without a word"
        writer.close()
        answer = line.ask(rouse(1))
        await one.has(1)
        assert len(one.asked) == 1
        one.asked[0][1](Ok())
        assert await answer == Ok()
        line.cut("done")


@pytest.mark.parametrize(
    "said", [b"\x00\x00\x00\x02\xc1\xc1", b"\x00\x00\x00\x04\x91\x92\x01\xc0", b"\xff\xff\xff\xff"]
)
async def test_garbage_on_an_open_line_cuts_it(said: bytes) -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        owed = line.ask(rouse(1))
        await one.has(1)
        [end] = one.server.ends
        assert end._transport is not None
        end._transport.write(said)
        with pytest.raises(LineLost):
            await owed
        assert not line.open


async def test_a_cut_line_fails_all_that_it_owes() -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        owed = [line.ask(rouse(i)) for i in range(3)]
        await one.has(3)
        await one.server.stop()
        for answer in await asyncio.gather(*owed, return_exceptions=True):
            assert isinstance(answer, LineLost)
        assert await line.lost
        with pytest.raises(LineLost):
            line.ask(rouse(4))
        one.asked[0][1](Ok())  # An answer for nobody goes nowhere.


async def test_a_full_line_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "IN_FLIGHT_LIMIT", 3)

    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        owed = [line.ask(rouse(i)) for i in range(3)]
        with pytest.raises(LineFull):
            line.ask(rouse(3))
        await one.has(3)
        one.asked[1][1](Ok())
        assert await owed[1] == Ok()
        line.ask(rouse(4)).cancel()
        line.cut("done")
        await asyncio.gather(*owed, return_exceptions=True)


async def test_an_actor_that_says_nothing_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BEAT_S", 0.02)

    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, 0.1)
        owed = line.ask(rouse(1))
        await one.has(1)
        [end] = one.server.ends
        assert end._beat is not None
        end._beat.cancel()
        with pytest.raises(LineLost, match="silent"):
            await owed
        assert line.went_silent


async def test_a_message_that_cannot_be_encoded_is_lost_alone() -> None:
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        answered, unsaid, other = line.ask(rouse(1)), line.ask(Activate(Epoch(2**64), RoomId("r"))), line.ask(rouse(2))
        with pytest.raises(LineLost, match="cannot be said"):
            await unsaid
        await one.has(2)
        for _, answer in one.asked:
            answer(Ok())
        assert [await answered, await other] == [Ok(), Ok()]
        assert line.open


async def test_the_update_of_a_move_for_which_nobody_waits_any_more_is_heard() -> None:
    """It went out with the answer, so the actor tells this edge of it in no other way."""
    async with actor() as one:
        told: list[object] = []
        line = await Line.connect("a", one.address, SECRET, SILENT_S, told=told.append)
        command = Chat(id="1", room="r_1", text="Hello")
        given_up = line.ask(Submit(Epoch(1), Sender(UserId("u"), "Ann"), command))
        other = line.ask(rouse(2))
        await one.has(2)
        given_up.cancel()
        (_, first), (_, second) = one.asked
        first(Committed(Seq(7), update=b"the update"))
        second(Ok())
        assert await other == Ok()
        assert told == [UpdateTold(RoomId("r_1"), b"the update")]


async def test_an_actor_that_beats_and_answers_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BEAT_S", 0.02)
    monkeypatch.setattr(lines, "UNANSWERED_S", 0.2)

    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        answered = line.ask(rouse(1))
        owed = line.ask(rouse(2))
        await one.has(2)
        one.asked[0][1](Ok())
        assert isinstance(await answered, Ok)
        with pytest.raises(LineLost, match="no answer"):
            await owed
        assert line.went_silent, "its rooms are taken over at once"


async def test_one_that_answers_however_slowly_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BEAT_S", 0.02)
    monkeypatch.setattr(lines, "UNANSWERED_S", 0.4)

    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, SILENT_S)
        lost = asyncio.ensure_future(line.lost)
        answers = [line.ask(rouse(number)) for number in range(50)]
        await one.has(50)
        for (_, reply), answer in zip(one.asked, answers, strict=True):
            reply(Ok())
            await answer
            await asyncio.wait([lost], timeout=0.02)
        assert line.open, "there was something owed all the time, but nothing for too long"
        line.cut("done")
        await lost


async def test_beats_keep_a_line_open_on_which_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BEAT_S", 0.02)

    loop = asyncio.get_running_loop()
    async with actor() as one:
        line = await Line.connect("a", one.address, SECRET, 0.5)
        heard = line.heard_at
        lost = asyncio.ensure_future(line.lost)
        await asyncio.wait([lost], timeout=1.0)
        assert not lost.done()
        assert line.heard_at > heard
        assert loop.time() - line.heard_at < 0.5
        line.cut("done")
        await lost


async def test_who_says_nothing_at_all_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "HELLO_S", 0.05)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    host, port = silent.sockets[0].getsockname()[:2]
    assert await reason("a", f"{host}:{port}")
    silent.close()
    async with actor() as one:
        host, _, number = one.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(number))
        async with asyncio.timeout(10):
            assert (await reader.read())[4:].startswith(lines.HELLO), "its question, then the end"
        writer.close()
        assert not one.server.ends


class OldSubmit(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """`Submit` as the release before traces has it."""

    epoch: Epoch
    sender: Sender
    command: Chat
    code: str = ""


def test_edges_and_actors_of_the_release_before_traces_are_understood() -> None:
    """And understand: two releases work side by side."""
    said = Epoch(3), Sender(UserId("ann"), "Ann"), Chat(id="1", room="r", text="hello"), "code"
    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
    assert decode(encode(OldSubmit(*said)), type=Request) == Submit(*said)
    assert decode(encode(Submit(*said, traceparent="00-place")), type=OldSubmit) == OldSubmit(*said)
    assert decode(encode(Submit(*said, traceparent="00-place")), type=Request) == Submit(*said, "00-place")


class RoomsAtBefore(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """`RoomsAt` as the release before has it."""

    rooms: tuple[RoomAt, ...] = ()
    let_go: tuple[RoomId, ...] = ()


class HandOverLater(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """`HandOver` as a later release might have it."""

    epoch: Epoch
    room: RoomId
    to: str = ""
    quiet: bool = False
    more: str = ""


@pytest.mark.parametrize(
    ("hello", "version", "tells"),
    [(b"", 1, False), (b"\1", 1, True), (b"\0\2", 2, False), (b"\1\2", 2, True), (b"\1\3 and more", 3, True)],
)
async def test_an_actor_of_another_release_is_understood(hello: bytes, version: int, tells: bool) -> None:
    """Its hello says what it takes; one from before says nothing, and one that comes later may say more."""

    class Other(lines._ActorEnd):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            lines._End.connection_made(self, transport)
            self._server.ends.add(self)
            self._write(lines.HELLO + self._number + hello)

    async with actor() as one:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Other(one.server), "127.0.0.1", 0)
        address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
        line = await Line.connect("a", address, SECRET, SILENT_S, told=lambda rooms: None)
        assert (line.version, line.tells) == (version, tells)
        answer = line.ask(rouse(1))
        await one.has(1)
        one.asked[0][1](Ok())
        assert await answer == Ok()
        line.cut("done")
        server.close()


async def test_this_release_says_its_version_where_one_before_reads_nothing() -> None:
    async with actor() as one:
        reader, writer = await asyncio.open_connection(*one.address.rsplit(":", 1))
        size = int.from_bytes(await reader.readexactly(4), "big")
        told = (await reader.readexactly(size))[len(lines.HELLO) + lines.NUMBER_BYTES :]
        assert told == b"\0" + bytes([lines.HANDS_OVER]), "one that does no errands"
        assert not told.startswith(lines.TELLS), "as the release before asks"
        writer.close()


def test_what_is_new_in_a_message_is_read_by_neither_and_harms_neither() -> None:
    said = RoomsAt((), (RoomId("r"),), (RoomGone(RoomId("r"), Epoch(2), "b", "x:1"),))
    encoded = msgspec.msgpack.encode([(0, said)])
    [(_, before)] = msgspec.msgpack.decode(encoded, type=list[tuple[int, RoomsAtBefore]])
    assert before == RoomsAtBefore((), (RoomId("r"),))
    [(_, now)] = msgspec.msgpack.decode(msgspec.msgpack.encode([(0, before)]), type=list[tuple[int, Ok | RoomsAt]])
    assert now == RoomsAt((), (RoomId("r"),), ())
    later = msgspec.msgpack.encode([(1, HandOverLater(Epoch(1), RoomId("r"), "b", True, "more"))])
    [(_, request)] = msgspec.msgpack.decode(later, type=list[tuple[int, Request]])
    assert request == HandOver(Epoch(1), RoomId("r"), "b", True)
