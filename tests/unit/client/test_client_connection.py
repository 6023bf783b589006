"""The client against a real server that follows a script: joining, answers, holes, losing the connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tavola.client.api import ClientIdentity, RequestRefused
from tavola.client.client import Client
from tavola.client.frames import Json
from tavola.client.room import FULL, LEAN, JoinedRoom
from tavola.client.view import FullView

ROOM = "r1"
FullRoom = JoinedRoom[Json, list[Json]]
Script = Callable[["Line"], Awaitable[None]]


class Line:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    async def heard(self) -> Json:
        frame: Json = json.loads(await self.connection.recv())
        return frame

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, "room": ROOM, **fields}))

    async def welcome(self, seq: int = 0, **view: Any) -> Json:
        """Takes `authenticate` and `join_room`, and gives a full view; returns the latter."""
        assert (await self.heard())["type"] == "authenticate"
        await self.tell("authenticated", user_id="u")
        asked = await self.heard()
        await self.tell("hydrated", seq=seq, view={"seq": seq, **view})
        return asked

    async def update(self, seq: int, **patch: Any) -> None:
        await self.tell("update", seq=seq, at=1, events=[{"kind": "chat"}], patch=patch)

    async def until_lost(self) -> None:
        await self.connection.wait_closed()


@contextlib.asynccontextmanager
async def playing(*scripts: Script) -> AsyncIterator[str]:
    """A server that plays one script a connection. On the way out all of them must have been played to their end."""
    played: list[asyncio.Future[None]] = [asyncio.get_running_loop().create_future() for _ in scripts]
    numbers = iter(range(len(scripts)))

    async def handler(connection: ServerConnection) -> None:
        number = next(numbers)
        try:
            await scripts[number](Line(connection))
        except BaseException as error:
            played[number].set_exception(error)
            raise
        played[number].set_result(None)

    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("tavola.v1")]) as running:
        yield f"http://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"
        await asyncio.gather(*played)


def somebody(url: str) -> Client[Json, list[Json]]:
    return Client(url, ClientIdentity("u", "Ada", "token-1", "cookie"), FULL)


def view(room: FullRoom) -> Json:
    assert isinstance(room.view, FullView)
    return room.view.data


def test_join_command_and_updates() -> None:
    async def script(line: Line) -> None:
        asked = await line.welcome(3, turn={"number": 1, "seat_index": 0})
        assert asked == {"type": "join_room", "room": ROOM}
        command = await line.heard()
        assert command == {"type": "chat", "id": command["id"], "room": ROOM, "text": "hello"}
        await line.tell("ack", id=command["id"], seq=4)
        await line.update(4, game={"pot": 5})
        await line.until_lost()

    async def scene() -> None:
        async with playing(script) as url, somebody(url) as client:
            room = await client.join(ROOM)
            assert room.view.turn_number == 1
            ack = await room.command("chat", text="hello")
            assert ack.seq == 4
            async for update in room.updates():
                assert update.events == [{"kind": "chat"}]
                break
            assert view(room)["game"] == {"pot": 5}
            assert room.seq == 4
            client.drop()

    uvloop.run(scene())


def test_a_refusal_is_raised_with_its_code() -> None:
    async def script(line: Line) -> None:
        await line.welcome()
        command = await line.heard()
        await line.tell("error", id=command["id"], code="seat_taken", message="Somebody sits there.")
        await line.until_lost()

    async def scene() -> None:
        async with playing(script) as url, somebody(url) as client:
            room = await client.join(ROOM)
            with pytest.raises(RequestRefused, match="seat_taken") as refused:
                await room.command("take_seat", seat_index=0)
            assert refused.value.code == "seat_taken"
            client.drop()

    uvloop.run(scene())


def test_a_room_that_does_not_exist_cannot_be_joined() -> None:
    async def script(line: Line) -> None:
        await line.heard()
        await line.heard()
        await line.tell("error", code="room_not_found", message="No such room.")
        await line.until_lost()

    async def scene() -> None:
        async with playing(script) as url, somebody(url) as client:
            with pytest.raises(RequestRefused, match="room_not_found"):
                await client.join(ROOM)
            client.drop()

    uvloop.run(scene())


def test_refused_for_now_is_sent_again_with_the_same_id() -> None:
    async def script(line: Line) -> None:
        await line.welcome()
        first = await line.heard()
        await line.tell("error", id=first["id"], code="overloaded", retry_after_ms=1)
        assert await line.heard() == first
        await line.tell("ack", id=first["id"], seq=1)
        await line.until_lost()

    async def scene() -> None:
        async with playing(script) as url, somebody(url) as client:
            room = await client.join(ROOM)
            assert (await room.command("chat", text="x")).seq == 1
            assert room.resent == 1
            client.drop()

    uvloop.run(scene())


def test_after_a_lost_connection_it_resumes_and_sends_the_unanswered_again() -> None:
    sent: list[Json] = []

    async def first(line: Line) -> None:
        await line.welcome(5)
        await line.update(6)
        sent.append(await line.heard())
        line.connection.transport.abort()

    async def second(line: Line) -> None:
        assert await line.heard() == {"type": "authenticate", "token": "token-1"}
        assert await line.heard() == {"type": "join_room", "room": ROOM, "after": 6}
        await line.tell("updates", updates=[{"type": "update", "room": ROOM, "seq": 7, "at": 1, "events": []}])
        sent.append(await line.heard())
        await line.tell("ack", id=sent[1]["id"], seq=7)
        await line.until_lost()

    async def scene() -> None:
        async with playing(first, second) as url, somebody(url) as client:
            room = await client.join(ROOM)
            async for _ in room.updates():
                break
            ack = await room.command("chat", text="did it arrive?")
            assert ack.seq == 7
            assert room.seq == 7
            assert sent[0] == sent[1]
            assert client.connection == 2
            client.drop()

    uvloop.run(scene())


def test_an_answer_that_comes_twice_counts_once() -> None:
    async def script(line: Line) -> None:
        await line.welcome()
        command = await line.heard()
        for _ in range(2):
            await line.tell("ack", id=command["id"], seq=1)
        await line.update(1)
        await line.until_lost()

    async def scene() -> None:
        answers = []
        async with playing(script) as url, somebody(url) as client:
            room = await client.join(ROOM)
            room.send("chat", {"text": "x"}, lambda answer, _: answers.append(answer))
            async for _ in room.updates():
                break
            assert len(answers) == 1
            client.drop()

    uvloop.run(scene())


def test_a_hole_is_asked_for() -> None:
    async def script(line: Line) -> None:
        await line.welcome(1)
        await line.update(3, b=2)
        assert await line.heard() == {"type": "resync", "room": ROOM, "after": 1}
        await line.update(4, c=3)
        updates: list[Json] = [{"room": ROOM, "seq": seq, "at": 1, "events": [], "patch": {"a": seq}} for seq in (2, 3)]
        await line.tell("updates", updates=[{"type": "update", **update} for update in updates])
        await line.until_lost()

    async def scene() -> None:
        async with playing(script) as url, somebody(url) as client:
            room = await client.join(ROOM)
            seen = []
            async for update in room.updates():
                seen.append(update.seq)
                if update.seq == 4:
                    break
            assert seen == [2, 3, 4]
            assert view(room) == {"seq": 1, "a": 3, "c": 3}
            client.drop()

    uvloop.run(scene())


def test_a_token_that_is_no_good_is_renewed() -> None:
    async def first(line: Line) -> None:
        assert (await line.heard())["token"] == "token-1"
        await line.connection.close(4401)

    async def second(line: Line) -> None:
        assert (await line.heard())["token"] == "token-2"
        await line.heard()
        await line.tell("hydrated", seq=0, view={})
        await line.until_lost()

    async def renew(identity: ClientIdentity) -> ClientIdentity:
        return ClientIdentity(identity.user_id, identity.display_name, "token-2")

    async def scene() -> None:
        async with playing(first, second) as url:
            identity = ClientIdentity("u", "Ada", "token-1")
            async with Client(url, identity, FULL, renew=renew) as client:
                await client.join(ROOM)
                client.drop()

    uvloop.run(scene())


@pytest.mark.parametrize("code", [4400, 4403, 4409])
def test_where_it_is_not_wanted_it_does_not_come_back(code: int) -> None:
    async def script(line: Line) -> None:
        await line.welcome()
        await line.heard()
        await line.connection.close(code)

    async def scene() -> None:
        async with playing(script) as url, somebody(url) as client:
            room = await client.join(ROOM)
            with pytest.raises(RequestRefused, match="forbidden"):
                await room.command("chat", text="x")
            assert client.forbidden == code
            with pytest.raises(RequestRefused, match="forbidden"):
                await client.join("another")

    uvloop.run(scene())


@pytest.mark.parametrize("code", [1012, 1013])
def test_where_a_server_ends_or_is_full_it_goes_to_another(code: int) -> None:
    async def ending(line: Line) -> None:
        await line.welcome(3)
        await line.tell("closing", reason="the edge ends", reconnect_after_ms=1)
        await line.connection.close(code)

    async def other(line: Line) -> None:
        assert (await line.welcome(4))["after"] == 3
        await line.until_lost()

    async def scene() -> None:
        identity = ClientIdentity("u", "Ada", "t")
        async with (
            playing(ending) as here,
            playing(other) as there,
            Client([here, there], identity, FULL) as client,
        ):
            room = await client.join(ROOM)
            await client.back_again()
            assert (room.seq, client.url) == (4, there)
            client.drop()

    uvloop.run(scene())


def test_what_cannot_be_read_is_told_and_left_out() -> None:
    async def script(line: Line) -> None:
        await line.welcome()
        await line.connection.send("{not json")
        await line.tell("invented_later", anything=1)
        await line.update(1)
        await line.until_lost()

    async def scene() -> None:
        garbled: list[bytes] = []
        async with playing(script) as url, somebody(url) as client:
            client.on_garbled = lambda data, _: garbled.append(data)
            room = await client.join(ROOM)
            async for _ in room.updates():
                break
            assert garbled[0] == b"{not json"
            client.drop()

    uvloop.run(scene())


def test_a_lean_client_knows_whose_turn_it_is() -> None:
    async def script(line: Line) -> None:
        await line.welcome(1, me={"seat_index": 2, "legal": []}, turn=None, seats={"2": {"chips": 7}}, game={"x": [1]})
        await line.update(2, turn={"number": 9, "seat_index": 2}, me={"legal": [{"move": "fold"}]})
        await line.until_lost()

    async def scene() -> None:
        async with playing(script) as url, Client(url, ClientIdentity("u", "Ada", "t"), LEAN) as client:
            room = await client.join(ROOM)
            assert (room.view.my_seat, room.view.my_chips) == (2, 7)
            async for _ in room.updates():
                break
            assert (room.view.turn_number, room.view.legal) == (9, [{"move": "fold"}])
            client.drop()

    uvloop.run(scene())


def test_a_server_that_is_gone_without_a_word_is_noticed_while_it_is_somebodys_turn() -> None:
    async def silent(line: Line) -> None:
        await line.welcome(3, turn={"number": 1, "seat_index": 0})
        assert await line.heard() == {"type": "heartbeat"}
        await line.until_lost()

    async def back(line: Line) -> None:
        assert (await line.welcome(4))["after"] == 3
        await line.until_lost()

    async def scene() -> None:
        identity = ClientIdentity("u", "Ada", "t")
        async with (
            playing(silent) as here,
            playing(back) as there,
            Client([here, there], identity, FULL) as client,
        ):
            lost_at: list[str] = []
            client.on_lost = lambda code, reason: lost_at.append(client.url)
            room = await client.join(ROOM)
            await client.back_again()
            assert (room.seq, client.url, client.connection) == (4, there, 2)
            assert lost_at == [here], "that is where it was"
            client.drop()

    uvloop.run(scene())
