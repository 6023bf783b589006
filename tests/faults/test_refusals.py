"""A hostile client's frames are answered with the code of protocol.md, section 5, and change nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import jwt
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from kit.client import Api, Identity, Json
from kit.stack import Stack, until
from kit.table import Table, open_room, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_S = 40.0
FRAME_LIMIT = 32 * 1024


class Scene:
    """A hand under way between Ada (host), Ben and Cleo; Eye watches; Zoe has no part in it, and a room of her own.
    `silent` is a socket on which nothing was ever said."""

    def __init__(self, t: Table, zoe: Identity, elsewhere: str, silent: ClientConnection) -> None:
        self.t, self.zoe, self.elsewhere, self.silent = t, zoe, elsewhere, silent
        self.url = t.stack.urls[0]
        self.since = time.monotonic()

    async def standing(self) -> list[Any]:
        """All that is stored of the room, and all that people did in the other, where the runtime marks that Zoe has
        no socket."""
        here = await self.t.truth.rows(
            "SELECT g.*, to_json(r)::text, (SELECT count(*) FROM actions a WHERE a.room_id = r.id)"
            " FROM game_states g JOIN rooms r ON r.id = g.room_id WHERE r.id = $1",
            self.t.room,
        )
        there = await self.t.truth.rows(
            "SELECT r.host_id, r.settings::text, r.players, r.status, (SELECT count(*) FROM actions a"
            " WHERE a.room_id = r.id AND a.user_id <> '') FROM rooms r WHERE r.id = $1",
            self.elsewhere,
        )
        return [tuple(row) for row in (*here, *there)]

    def who(self, part: str) -> Identity:
        """`turn` is whose turn it is, `waiting` another player."""
        match part:
            case "host":
                return self.t.host.who
            case "turn":
                return next(p.who for p in self.t.players if p.to_act())
            case "waiting":
                return next(p.who for p in self.t.players if not p.to_act() and p is not self.t.host)
            case "eye":
                return self.t.watchers[0].who
            case _:
                return self.zoe


@pytest.fixture(scope="module")
async def scene(stack: Stack) -> AsyncIterator[Scene]:
    async with raw(stack.urls[0]) as silent, table(stack) as t, Api(stack.urls[0]) as api:
        zoe = await api.sign_in("Zoe")
        elsewhere = await open_room(api, zoe, "tictactoe", "host")
        await api.ok("GET", f"/api/rooms/{elsewhere}/hydrate", zoe)
        yield Scene(t, zoe, elsewhere, silent)
        await t.play_to_the_end()
        await t.check()


@pytest.fixture
async def nothing_changes(scene: Scene) -> AsyncIterator[None]:
    before = await scene.standing()
    assert len(before) == 2
    yield
    assert await scene.standing() == before


@asynccontextmanager
async def raw(url: str, who: Identity | None = None, **options: Any) -> AsyncIterator[ClientConnection]:
    """A bare socket, signed in as `who`."""
    async with connect(
        url.replace("http", "ws", 1) + "/ws",
        subprotocols=[Subprotocol("tavola.v1")],
        proxy=None,
        max_size=None,
        close_timeout=1,
        **options,
    ) as bare:
        if who is not None:
            await bare.send(json.dumps({"type": "authenticate", "token": who.token}))
            assert (await heard(bare))["type"] == "authenticated"
        yield bare


async def heard(bare: ClientConnection) -> Json:
    frame: Json = json.loads(await asyncio.wait_for(bare.recv(), PATIENCE_S))
    return frame


async def closed(bare: ClientConnection) -> int | None:
    await asyncio.wait_for(bare.wait_closed(), PATIENCE_S)
    return bare.close_code


async def alive(bare: ClientConnection) -> bool:
    await bare.send('{"type":"heartbeat"}')
    return bool((await heard(bare))["type"] == "heartbeat_ack")


# Frames


def _nested(depth: int) -> str:
    return '{"type":"act","id":"x","room":"ROOM","move":"raise","amount":' + "[" * depth + "]" * depth + "}"


MALFORMED = [
    *("", "{", "nonsense", "[]", '"authenticate"', "42", "null", "{}", "[" * 15_000, '{"a":' * 6_000, "\x00", "NaN"),
    '{"type":5}',
    '{"type":"act"}',
    '{"type":"heartbeat"}{"type":"heartbeat"}',
    '{"type":"join_room"}',
    '{"type":"join_room","room":7}',
    '{"type":"join_room","room":""}',
    '{"type":"join_room","room":"r_\\u0000"}',
    '{"type":"join_room","room":"ROOM","after":"1"}',
    '{"type":"join_room","room":"ROOM","after":1e400}',
    '{"type":"act","id":"x","room":"ROOM"}',
    '{"type":"act","room":"ROOM","move":"call"}',
    '{"type":"act","id":"","room":"ROOM","move":"call"}',
    '{"type":"act","id":7,"room":"ROOM","move":"call"}',
    '{"type":"act","id":"%s","room":"ROOM","move":"call"}' % ("x" * 65),
    '{"type":"act","id":"\\u0000","room":"ROOM","move":"call"}',
    '{"type":"act","id":"x","room":"%s","move":"call"}' % ("x" * 65),
    '{"type":"act","id":"x","room":"ROOM","move":"call","turn":-1}',
    '{"type":"act","id":"x","room":"ROOM","move":"call","turn":18446744073709551616}',
    '{"type":"act","id":"x","room":"ROOM","move":"call","turn":"1"}',
    '{"type":"act","id":"x","room":"ROOM","move":"raise","amount":18446744073709551616}',
    '{"type":"act","id":"x","room":"ROOM","move":"raise","amount":-9223372036854775809}',
    '{"type":"act","id":"x","room":"ROOM","move":"raise","amount":%s}' % ("9" * 5_000),
    '{"type":"act","id":"x","room":"ROOM","move":"raise","amount":"\\ud800"}',
    _nested(5_000),
    _nested(15_000),
    '{"type":"take_seat","id":"x","room":"ROOM","seat_index":-1}',
    '{"type":"take_seat","id":"x","room":"ROOM","seat_index":1.5}',
    '{"type":"take_seat","id":"x","room":"ROOM","seat_index":true}',
    '{"type":"take_seat","id":"x","room":"ROOM","seat_index":9223372036854775807}',
    '{"type":"take_seat","id":"x","room":"ROOM","seat_index":5,"buy_in":18446744073709551615}',
    '{"type":"request_join","id":"x","room":"ROOM","display_name":""}',
    '{"type":"request_join","id":"x","room":"ROOM","display_name":"%s"}' % ("x" * 51),
    '{"type":"chat","id":"x","room":"ROOM","text":""}',
    '{"type":"chat","id":"x","room":"ROOM","text":"  \\n "}',
    '{"type":"chat","id":"x","room":"ROOM","text":"\\ud800"}',
    '{"type":"chat","id":"x","room":"ROOM","text":"%s"}' % ("x" * 501),
    '{"type":"chat","id":"x","room":"ROOM","text":["x"]}',
]


@pytest.mark.usefixtures("nothing_changes")
async def test_malformed_frames(scene: Scene) -> None:
    """One after the other on one socket, which survives them all, by the player whose turn it is."""
    async with raw(scene.url, scene.who("turn")) as bare:
        for frame in MALFORMED:
            text = frame.replace("ROOM", scene.t.room)
            assert len(text.encode()) <= FRAME_LIMIT
            await bare.send(text)
            answer = await heard(bare)
            assert (answer["type"], answer.get("code")) == ("error", "invalid_message"), (text[:200], answer)
            if '"id":"x"' in text and not any(broken in text for broken in ("[[", "\\ud800")):
                assert answer["id"] == "x", text[:200]
        assert await alive(bare)


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("kind", ["fly", "wake", "recover", "Act", "ack", "update", "", "a" * 1000])
async def test_unknown_types(scene: Scene, kind: str) -> None:
    """Among them those that only the runtime may send."""
    async with raw(scene.url, scene.who("host")) as bare:
        await bare.send(json.dumps({"type": kind, "id": "x", "room": scene.t.room}))
        answer = await heard(bare)
        assert (answer["code"], answer["id"], answer["room"]) == ("unknown_type", "x", scene.t.room)


@pytest.mark.usefixtures("nothing_changes")
async def test_large_messages(scene: Scene) -> None:
    async with raw(scene.url, scene.who("turn")) as bare:
        head = f'{{"type":"chat","id":"x","room":"{scene.t.room}","text":"'
        for size, code in ((FRAME_LIMIT, "invalid_message"), (FRAME_LIMIT + 1, "message_too_large")):
            await bare.send(head + "x" * (size - len(head) - 2) + '"}')
            assert (await heard(bare))["code"] == code
        await bare.send(["x" * 1000] * 40)
        assert (await heard(bare))["code"] == "message_too_large"
        assert await alive(bare)
        await bare.send("x" * (1 << 20))
        assert await closed(bare) == 1009


@pytest.mark.usefixtures("nothing_changes")
async def test_binary_frames(scene: Scene) -> None:
    async with raw(scene.url, scene.who("turn")) as bare:
        await bare.send(b'{"type":"heartbeat"}')
        assert await closed(bare) == 4400


# Rules

MOVES: list[tuple[str, str, Json]] = [
    ("waiting", "not_your_turn", {"type": "act", "move": "fold"}),
    ("turn", "stale_turn", {"type": "act", "move": "fold", "turn": 0}),
    ("turn", "stale_turn", {"type": "act", "move": "fold", "turn": 2}),
    ("waiting", "stale_turn", {"type": "act", "move": "fold", "turn": 0}),
    ("turn", "illegal_move", {"type": "act", "move": "fly"}),
    ("turn", "illegal_move", {"type": "act", "move": "check"}),
    ("turn", "illegal_move", {"type": "act", "move": "bet", "amount": 20}),
    ("turn", "illegal_move", {"type": "act", "move": "raise"}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": 11}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": 1001}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": 2**63}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": -20}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": 20.0}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": True}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": None}),
    ("turn", "illegal_move", {"type": "act", "move": "raise", "amount": [[20]]}),
    ("turn", "illegal_move", {"type": "act", "move": "show"}),
    ("eye", "not_seated", {"type": "act", "move": "fold"}),
    ("zoe", "not_seated", {"type": "act", "move": "fold"}),
    ("eye", "seat_taken", {"type": "take_seat", "seat_index": 0}),
    ("eye", "invalid_message", {"type": "take_seat", "seat_index": 6}),
    ("eye", "illegal_move", {"type": "take_seat", "seat_index": 5, "buy_in": 1}),
    ("host", "already_seated", {"type": "take_seat", "seat_index": 5}),
    ("zoe", "not_approved", {"type": "take_seat", "seat_index": 5}),
    ("zoe", "not_approved", {"type": "spectate"}),
    ("host", "already_seated", {"type": "spectate"}),
    ("host", "forbidden", {"type": "stop_spectating"}),
    ("eye", "not_seated", {"type": "leave_seat"}),
    ("zoe", "not_seated", {"type": "leave_seat"}),
    ("zoe", "forbidden", {"type": "leave"}),
    ("zoe", "forbidden", {"type": "chat", "text": "Hello"}),
    ("waiting", "not_host", {"type": "start"}),
    ("host", "illegal_move", {"type": "start"}),
    ("waiting", "not_host", {"type": "approve", "user_id": "u_1"}),
    ("zoe", "not_host", {"type": "reject", "user_id": "u_1"}),
    ("host", "user_not_found", {"type": "approve", "user_id": "u_1"}),
    ("host", "room_not_found", {"type": "start", "room": "r_0000000000000000"}),
    ("host", "room_not_found", {"type": "join_room", "room": "r_0000000000000000"}),
    ("host", "not_host", {"type": "start", "room": "ELSEWHERE"}),
    ("turn", "not_seated", {"type": "act", "move": "fold", "room": "ELSEWHERE"}),
    ("turn", "not_approved", {"type": "take_seat", "seat_index": 0, "room": "ELSEWHERE"}),
]


@pytest.mark.usefixtures("nothing_changes")
async def test_against_the_rules(scene: Scene) -> None:
    """Stale turns, others' turns, moves that are none, rooms and parts that are somebody else's."""
    for part, code, fields in MOVES:
        frame = {"id": "x", "room": scene.t.room, **fields}
        if frame["room"] == "ELSEWHERE":
            frame["room"] = scene.elsewhere
        async with raw(scene.url, scene.who(part)) as bare:
            await bare.send(json.dumps(frame))
            answer = await heard(bare)
            assert (answer["type"], answer["code"]) == ("error", code), (part, fields, answer)
            assert "hole" not in answer["message"]


async def test_an_id_is_used_once(scene: Scene) -> None:
    """The same again, by either door: the first answer again. Something else is refused. Another's is another's."""
    t = scene.t
    before = await t.owner()
    one, other = t.players[0], t.players[1]
    said = one.send("chat", id="mine", text="Once")
    t.note(one, await one.answer(said))
    async with Api(t.stack.urls[1]) as api:
        for body in ({"text": "Twice"}, {"move": "fold"}, {"move": "raise", "amount": 20}):
            refused = await one.answer(one.send("act" if "move" in body else "chat", id="mine", **body))
            assert refused["code"] == "id_reused"
        assert await one.answer(one.send("chat", id="mine", text="Once")) == said.answers[0]
        reply = await api.request("POST", f"/api/rooms/{t.room}/actions", one.who, {"move": "fold"}, id="mine")
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "id_reused")
        reply = await api.request("POST", f"/api/rooms/{t.room}/chat", one.who, {"text": "Once"}, id="mine")
        assert reply.json() == {"seq": before.seq + 1}
    assert (await t.owner()).seq == before.seq + 1
    t.note(other, await other.answer(other.send("chat", id="mine", text="Mine too")))
    assert (await t.owner()).seq == before.seq + 2
    await t.all_at(before.seq + 2)


# Identities


def _token(stack: Stack, secret: str = "", algorithm: str = "HS256", **claims: Any) -> str:
    right = {"sub": "u_mallory", "name": "Mallory", "iss": "tavola", "aud": "tavola", "exp": int(time.time()) + 600}
    given = {name: value for name, value in {**right, **claims}.items() if value is not None}
    key = None if algorithm == "none" else secret or stack.secret
    return jwt.encode(given, key, algorithm=algorithm)  # type: ignore[arg-type]


TOKENS: dict[str, tuple[str, Callable[[Stack], str]]] = {
    "expired": ("token_expired", lambda s: _token(s, exp=int(time.time()) - 60)),
    "unsigned": ("token_invalid", lambda s: _token(s, algorithm="none")),
    "another secret": ("token_invalid", lambda s: _token(s, "x" * 43)),
    "another algorithm": ("token_invalid", lambda s: _token(s, algorithm="HS512")),
    "another audience": ("token_invalid", lambda s: _token(s, aud="tavola:seat")),
    "no audience": ("token_invalid", lambda s: _token(s, aud=None)),
    "another issuer": ("token_invalid", lambda s: _token(s, iss="mallory")),
    "for ever": ("token_invalid", lambda s: _token(s, exp=None)),
    "nobody": ("token_invalid", lambda s: _token(s, sub="")),
    "no subject": ("token_invalid", lambda s: _token(s, sub=None)),
    "NUL": ("token_invalid", lambda s: _token(s, sub="u_\0")),
    "long": ("token_invalid", lambda s: _token(s, sub="u" * 65)),
    "cut": ("token_invalid", lambda s: _token(s)[:-2]),
    "garbage": ("token_invalid", lambda s: "a.b.c"),
}


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_tokens_that_are_no_good(scene: Scene) -> None:
    """The forger knows how: a token made in the same way with the right secret is taken."""
    async with Api(scene.url) as api:
        for name, (code, forge) in TOKENS.items():
            token = forge(scene.t.stack)
            async with raw(scene.url) as bare:
                await bare.send(json.dumps({"type": "authenticate", "token": token}))
                assert (await heard(bare))["code"] == code, name
                assert await closed(bare) == 4401, name
            reply = await api.request("POST", f"/api/rooms/{scene.t.room}/join", Identity("", "", token), {})
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, code), name
    async with raw(scene.url, Identity("u_mallory", "", _token(scene.t.stack))) as bare:
        assert await alive(bare)


FIRST = [
    ('{"type":"heartbeat"}', "unauthenticated", 4401),
    ('{"type":"join_room","room":"ROOM"}', "unauthenticated", 4401),
    ('{"type":"chat","id":"x","room":"ROOM","text":"Hello"}', "unauthenticated", 4401),
    ('{"type":"authenticate"}', "unauthenticated", 4401),
    ('{"type":"fly"}', "unknown_type", 4400),
    ("nonsense", "invalid_message", 4400),
]


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize(("frame", "code", "close"), FIRST)
async def test_the_first_frame(scene: Scene, frame: str, code: str, close: int) -> None:
    async with raw(scene.url) as bare:
        await bare.send(frame.replace("ROOM", scene.t.room))
        assert (await heard(bare))["code"] == code
        assert await closed(bare) == close


@pytest.mark.usefixtures("nothing_changes")
async def test_a_socket_is_one_users(scene: Scene) -> None:
    async with raw(scene.url, scene.zoe) as bare:
        await bare.send(json.dumps({"type": "authenticate", "token": scene.who("host").token}))
        assert (await heard(bare))["code"] == "forbidden"
        await bare.send(json.dumps({"type": "start", "id": "x", "room": scene.t.room}))
        assert (await heard(bare))["code"] == "not_host"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "file://"]
)
async def test_foreign_origins(scene: Scene, origin: str) -> None:
    async with raw(scene.url, origin=Origin(origin)) as bare:
        assert await closed(bare) == 4403
    async with raw(scene.url, scene.zoe, origin=Origin(scene.url)) as bare:
        assert await alive(bare)


# REST

REQUESTS: list[tuple[str, str, str, Any, int, str]] = [
    ("zoe", "POST", "actions", {"move": "fold"}, 403, "not_seated"),
    ("waiting", "POST", "actions", {"move": "fold"}, 409, "not_your_turn"),
    ("turn", "POST", "actions", {"move": "fold", "turn": 0}, 409, "stale_turn"),
    ("turn", "POST", "actions", {"move": "raise", "amount": 2**64}, 400, "invalid_message"),
    ("turn", "POST", "actions", {}, 400, "invalid_message"),
    ("turn", "POST", "actions", ["fold"], 400, "invalid_message"),
    ("turn", "POST", "actions", {"move": "x" * FRAME_LIMIT}, 413, "message_too_large"),
    ("zoe", "POST", "seat", {"seat_index": 5}, 403, "not_approved"),
    ("eye", "POST", "seat", {"seat_index": 0}, 409, "seat_taken"),
    ("host", "POST", "seat", {"seat_index": 5}, 409, "already_seated"),
    ("zoe", "DELETE", "seat", None, 403, "not_seated"),
    ("zoe", "POST", "approve", {"user_id": "u_1"}, 403, "not_host"),
    ("host", "POST", "approve", {"user_id": "u_1"}, 404, "user_not_found"),
    ("host", "POST", "approve", {"user_id": 1}, 400, "invalid_message"),
    ("waiting", "POST", "start", None, 403, "not_host"),
    ("zoe", "POST", "join", {}, 400, "invalid_message"),
    ("zoe", "POST", "spectate", None, 403, "not_approved"),
    ("nobody", "POST", "actions", {"move": "fold"}, 401, "unauthenticated"),
    ("nobody", "GET", "hydrate", None, 401, "unauthenticated"),
    ("host", "GET", "events?after=x", None, 400, "invalid_message"),
]


@pytest.mark.usefixtures("nothing_changes")
async def test_refusals_by_rest(scene: Scene) -> None:
    async with Api(scene.url) as api:
        for part, method, path, body, status, code in REQUESTS:
            who = None if part == "nobody" else scene.who(part)
            reply = await api.request(method, f"/api/rooms/{scene.t.room}/{path}", who, body)
            assert (reply.status_code, _code(reply)) == (status, code), (part, path)
        for room in ("r_0000000000000000", "NOCODE", "%00", "r_%00", "r_%0a", "x" * 65, "%F0%9F%82%A1"):
            for path in ("", "/hydrate", "/events", "/start"):
                method = "POST" if path == "/start" else "GET"
                reply = await api.request(method, f"/api/rooms/{room}{path}", scene.zoe)
                assert (reply.status_code, _code(reply)) == (404, "room_not_found"), (room, path)
        for key in ("x" * 65, secrets.token_hex(4000)):
            for path in (f"/{scene.t.room}/start", ""):
                reply = await api.request("POST", f"/api/rooms{path}", scene.who("host"), {"game": "holdem"}, id=key)
                assert (reply.status_code, _code(reply)) == (400, "invalid_message"), (path, key[:70])


QUERIES = [
    *("?limit=x", "?limit=-1", "?open=x", "?cursor=x", "?cursor=1", f"?cursor={2**64}~r_1", "?cursor=-1~%00"),
    *(f"/ROOM/events?after={2**63}", f"/ROOM/events?limit={'9' * 5000}", "?game=%00", "?status=%00"),
]


@pytest.mark.usefixtures("nothing_changes")
@pytest.mark.parametrize("query", QUERIES)
async def test_queries_that_make_no_sense(scene: Scene, query: str) -> None:
    async with Api(scene.url) as api:
        reply = await api.request("GET", "/api/rooms" + query.replace("ROOM", scene.t.room), scene.zoe)
        assert (reply.status_code, _code(reply)) == (400, "invalid_message")


@pytest.mark.parametrize("query", ["?game=chess", "?status=on", "?open=", f"?limit={10**18}", "?limit=1e9"])
async def test_queries_that_make_little_sense(scene: Scene, query: str) -> None:
    async with Api(scene.url) as api:
        assert (await api.request("GET", f"/api/rooms{query}")).status_code == 200


@pytest.mark.usefixtures("nothing_changes")
async def test_rooms_that_cannot_be(scene: Scene) -> None:
    async with Api(scene.url) as api:
        for made, code in (
            ({"game": "no_such_game"}, "unknown_game"),
            ({"game": "holdem", "options": {"seats": 11}}, "invalid_options"),
            ({"game": "holdem", "options": {"big_blind": 2**64}}, "invalid_options"),
            ({"game": "holdem", "options": {"cheat": True}}, "invalid_options"),
            ({"game": "holdem", "options": []}, "invalid_message"),
            ({"game": "holdem", "approval": "nobody"}, "invalid_message"),
        ):
            reply = await api.request("POST", "/api/rooms", scene.zoe, made)
            assert (reply.status_code, _code(reply)) == (400, code), made


def _code(reply: httpx.Response) -> str:
    """The refusal's code, or what was said instead of a refusal."""
    if reply.headers["content-type"] != "application/json" or reply.is_success:
        return reply.text
    return str(reply.json()["error"]["code"])


async def test_the_host_decides_by_rest(scene: Scene) -> None:
    """Asking, and asking again; only the host's answer counts."""
    room = f"/api/rooms/{scene.elsewhere}"
    ada, ben, cleo = (player.who for player in scene.t.players)
    async with Api(scene.url) as api:
        for who in (ben, cleo):
            for _ in range(2):
                joined = await api.ok("POST", f"{room}/join", who, {"display_name": who.name})
                assert (joined["status"], joined["waiting_for_approval"]) == ("pending", True)
        for path, body in (("approve", {"user_id": ben.user}), ("reject", {"user_id": cleo.user})):
            reply = await api.request("POST", f"{room}/{path}", ada, body)
            assert reply.json()["error"]["code"] == "not_host"
        approved = await api.ok("POST", f"{room}/approve", scene.zoe, {"user_id": ben.user, "approved": True})
        rejected = await api.ok("POST", f"{room}/approve", scene.zoe, {"user_id": cleo.user, "approved": False})
        assert (approved["approved"], rejected["approved"]) == (True, False)
        joined = await api.ok("POST", f"{room}/join", ada, {"display_name": "Ada"})
        rejected = await api.ok("POST", f"{room}/reject", scene.zoe, {"user_id": ada.user})
        assert (rejected["approved"], rejected["user_id"]) == (False, ada.user)
        for who in (ada, cleo):
            reply = await api.request("POST", f"{room}/join", who, {"display_name": who.name})
            assert (reply.status_code, reply.json()["error"]["code"]) == (409, "already_requested")
        assert (await api.ok("POST", f"{room}/join", ben, {"display_name": "Ben"}))["status"] == "approved"


@pytest.mark.usefixtures("nothing_changes")
async def test_a_guest_is_shown_nothing(scene: Scene) -> None:
    """A guest without a part in a room follows it, and is told that it goes on and nothing else."""
    async with Api(scene.url) as api:
        for path in ("hydrate", "hydrate?role=spectator", "hydrate?role=player", "hydrate?role=host"):
            view = await api.ok("GET", f"/api/rooms/{scene.t.room}/{path}", scene.zoe)
            assert view.keys() <= {"seq", "epoch", "at", "stale", "room", "me", "recent"}
            assert all(update["events"] == [] for update in view["recent"])
            assert view["me"]["role"] == "guest"
        past = await api.ok("GET", f"/api/rooms/{scene.t.room}/events?after=0&limit=200", scene.zoe)
        assert [update["seq"] for update in past["updates"]] == list(range(1, len(past["updates"]) + 1))
        assert all(update["events"] == [] for update in past["updates"])
        for player in scene.t.players:
            seen = await api.ok("GET", f"/api/rooms/{scene.t.room}/hydrate?role=spectator", player.who)
            assert "hole_cards" not in seen["me"]


# Too many, too much, too slow


async def test_nine_sockets(scene: Scene) -> None:
    async with AsyncExitStack() as eight, raw(scene.url) as ninth:
        others = [await eight.enter_async_context(raw(scene.url, scene.zoe)) for _ in range(8)]
        await ninth.send(json.dumps({"type": "authenticate", "token": scene.zoe.token}))
        assert await closed(ninth) == 4409
        assert all([await alive(bare) for bare in others])


@pytest.mark.usefixtures("nothing_changes")
async def test_flooding(scene: Scene) -> None:
    """It is refused, then cut off; whoever else is at the edge is answered meanwhile."""
    async with raw(scene.url, scene.zoe) as bare, raw(scene.url, scene.who("host")) as other:
        bare.protocol.send_text(b'{"type":"heartbeat"}')
        for _ in range(5000):
            bare.protocol.send_text(b'{"type":"chat","id":"x","room":"ROOM","text":"x"}')
        bare.send_data()
        assert await alive(other)
        codes = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                codes.append((await heard(bare)).get("code"))
        assert set(codes) <= {None, "room_not_found", "rate_limited"}
        assert codes.count("rate_limited") >= 1000
        assert await closed(bare) == 4429


async def test_talking_faster_than_anybody_can_read(scene: Scene) -> None:
    """Over two sockets of one user: what is beyond their rate is refused, and nobody else's is."""
    player = scene.who("host")
    async with raw(scene.url, player) as one, raw(scene.url, player) as two:
        for number in range(90):
            for name, bare in (("one", one), ("two", two)):
                said = f'{{"type":"chat","id":"{name}{number}","room":"{scene.t.room}","text":"x"}}'
                bare.protocol.send_text(said.encode())
        one.send_data()
        two.send_data()
        frames = [await heard(bare) for bare in (one, two) for _ in range(90)]
        assert 40 <= sum(frame.get("code") == "rate_limited" for frame in frames) <= 100
        assert sum(frame["type"] == "ack" for frame in frames) >= 80, "what was asked before counts as well"


@pytest.mark.usefixtures("nothing_changes")
async def test_a_message_in_crumbs(scene: Scene) -> None:
    """A hundred thousand frames of one byte each are too many: whoever else is at the edge is answered meanwhile."""
    async with raw(scene.url) as bare, raw(scene.url, scene.zoe) as other:
        bare.transport.write(_masked(0x01, b"x") + _masked(0x00, b"x") * 100_000)
        assert await alive(other)
        assert await closed(bare) == 4429
        assert await alive(other)


@pytest.mark.usefixtures("nothing_changes")
async def test_pings_without_end(scene: Scene) -> None:
    """A client that does not read the answers does not fill the edge's memory with them, and is cut off."""
    edge = psutil.Process(scene.t.stack.pid_of("edges", 0))
    async with raw(scene.url, scene.zoe) as bare:
        bare.transport.pause_reading()
        before = edge.memory_info().rss

        def cut_off() -> bool:
            if not bare.transport.is_closing():
                bare.transport.write(_masked(0x09, b"x" * 125) * 8_000)
            return bare.transport.is_closing()

        await until(cut_off, "the edge cuts it off")
        assert edge.memory_info().rss - before < 12 << 20


def _masked(first: int, payload: bytes) -> bytes:
    """A client's frame (RFC 6455 section 5.2), made by hand; 0x80 says that it is a message's last."""
    first |= 0x80 if first & 0x08 else 0
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


async def test_who_does_not_read(scene: Scene) -> None:
    """A client asks for more than it reads: it is cut off, with nothing left of it, and nobody waits for it."""
    t = scene.t
    edge = psutil.Process(t.stack.pid_of("edges", 0))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", int(scene.url.rpartition(":")[2])))
    port = slow.getsockname()[1]
    slow.setblocking(False)
    for n in range(20):
        t.note(t.host, await t.host.command("chat", text=f"{n}".ljust(500, "x")))

    async with raw(scene.url, scene.who("eye"), sock=slow) as bare:
        bare.transport.pause_reading()

        async def given_up() -> bool:
            for _ in range(20):
                bare.protocol.send_text(json.dumps({"type": "join_room", "room": t.room}).encode())
            bare.send_data()
            t.note(t.host, await t.host.command("chat", text="Is anybody waiting?".ljust(500, "x")))
            return "socket.slow_consumer" in t.stack.said_by_edge(1)

        await until(given_up, "the edge gives the slow consumer up")
        t.note(t.host, await t.host.command("chat", text="Nobody waits."))
        await until(lambda: port not in _peers(edge), "nothing is left of it")
    await t.all_at((await t.owner()).seq)


def _peers(process: psutil.Process) -> set[int]:
    """The other ends of a process's connections."""
    return {connection.raddr.port for connection in process.net_connections("tcp") if connection.raddr}


async def test_who_says_nothing(scene: Scene) -> None:
    """The socket that was opened before all these tests and never said who it is."""
    assert (await heard(scene.silent))["code"] == "unauthenticated"
    assert await closed(scene.silent) == 4401
    assert time.monotonic() - scene.since < 60
