"""Frames from clients: whatever comes is a frame or a refusal with the right code, never an exception."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tavola.actors.wire.commands import Act, AnyCommand, Chat, ClientCommand, Epoch, Sender, TakeSeat, UserId
from tavola.actors.wire.messages import Refusal, Submit
from tavola.config.traceparent import parsed
from tavola.edge.identity.told import Told
from tavola.edge.ws import protocol
from tavola.edge.ws.protocol import NESTED_LIMIT, Bad, decode

GOOD: list[dict[str, Any]] = [
    {"type": "authenticate", "token": "x", "after": {"r": 1}},
    {"type": "authenticate", "rejoin_token": "x"},
    {"type": "authenticate", "seat_token": "x", "token": None},
    {"type": "authenticate"},
    {"type": "join_room", "room": "r", "after": 3},
    {"type": "leave_room", "room": "r"},
    {"type": "resync", "room": "r", "after": 0},
    {"type": "heartbeat"},
    {"type": "request_join", "id": "1", "room": "r", "display_name": "Ann"},
    {"type": "approve", "id": "1", "room": "r", "user_id": "u"},
    {"type": "reject", "id": "1", "room": "r", "user_id": "u"},
    {"type": "take_seat", "id": "1", "room": "r", "seat_index": 0, "display_name": "Ann", "buy_in": 400},
    {"type": "leave_seat", "id": "1", "room": "r"},
    {"type": "spectate", "id": "1", "room": "r", "display_name": None},
    {"type": "stop_spectating", "id": "1", "room": "r"},
    {"type": "act", "id": "1", "room": "r", "move": "raise", "amount": 40, "turn": 7},
    {"type": "chat", "id": "1", "room": "r", "text": "hello"},
    {"type": "add_bot", "id": "1", "room": "r", "seat_index": 1},
    {"type": "announce", "id": "1", "room": "r", "text": "hello", "data": {"round": 3}, "fleeting": True},
    {"type": "start", "id": "1", "room": "r"},
    {"type": "sit_out", "id": "1", "room": "r"},
    {"type": "sit_in", "id": "1", "room": "r"},
    {"type": "rebuy", "id": "1", "room": "r", "amount": 400},
    {"type": "resign", "id": "1", "room": "r"},
    {"type": "offer_draw", "id": "1", "room": "r"},
    {"type": "answer_draw", "id": "1", "room": "r", "accept": False},
    {"type": "request_undo", "id": "1", "room": "r"},
    {"type": "answer_undo", "id": "1", "room": "r", "accept": True},
    {"type": "withdraw_offer", "id": "1", "room": "r"},
    {"type": "pause", "id": "1", "room": "r"},
    {"type": "resume", "id": "1", "room": "r"},
    {"type": "kick", "id": "1", "room": "r", "user_id": "u", "ban": True},
    {"type": "adjust_chips", "id": "1", "room": "r", "user_id": "u", "amount": -40, "reason": "late"},
    {"type": "update_settings", "id": "1", "room": "r", "settings": {"name": "Ours", "options": {"seats": 2}}},
    {"type": "transfer_host", "id": "1", "room": "r", "user_id": "u"},
    {"type": "close_room", "id": "1", "room": "r"},
    {"type": "withdraw", "id": "1", "room": "r", "act_id": "2"},
    {"type": "leave", "id": "1", "room": "r"},
]
OPTIONAL = {"type", "after", "token", "rejoin_token", "seat_token", "display_name", "buy_in", "turn", "ban", "reason"}
OPTIONAL |= {"data", "fleeting"}


def bad(data: bytes | dict[str, Any]) -> Bad:
    found = decode(data if isinstance(data, bytes) else msgspec.json.encode(data))
    assert isinstance(found, Bad), found
    return found


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["type"]))
def test_good_frames(frame: dict[str, Any]) -> None:
    found = decode(msgspec.json.encode(frame))
    assert not isinstance(found, Bad), found
    assert found.__struct_config__.tag == frame["type"]
    assert not isinstance(decode(msgspec.json.encode({**frame, "unknown": [1]})), Bad)


def test_every_type_is_here() -> None:
    assert {frame["type"] for frame in GOOD} == {kind.__struct_config__.tag for kind in protocol.ClientFrame.__args__}


def test_a_move_keeps_its_own_arguments() -> None:
    found = decode(b'{"type":"act","id":"1","room":"r","move":"mark","turn":2,"cell":4,"why":{"a":[1]}}')
    assert found == Act(id="1", room="r", move="mark", turn=2, arguments={"cell": 4, "why": {"a": [1]}})


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"null", b"7", b'"x"', b"[]", b"{", b"{}", b'{"type":7}', b'{"type":null}', b"\xff\xfe", b"\x00",
        b'{"type":"heartbeat"} x', b'{"type":"heartbeat"}{"type":"heartbeat"}', b"{'type':'heartbeat'}",
        b'{"type":"chat","id":"1","room":"r","text":"\xc3("}', b'{"type":"chat","id":"1","room":"r","text":"\\ud800"}',
        b"[" * 20_000, b'{"a":' * 20_000, b"[" * 15_000 + b"]" * 15_000, b'{"type":"act","x":' + b"[" * 9_000,
    ],
)  # fmt: skip
def test_what_is_no_frame(data: bytes) -> None:
    assert bad(data).no.code == "invalid_message"


@pytest.mark.parametrize(
    ("of", "field", "value"),
    [
        ("chat", "id", ""),
        ("chat", "id", "x" * 65),
        ("chat", "id", 7),
        ("chat", "id", None),
        ("chat", "id", "a\u0000b"),
        ("chat", "id", "a\n"),
        ("chat", "id", "\n"),
        ("chat", "id", "a\u007f"),
        ("chat", "room", "r\u0000"),
        ("chat", "room", "r\n"),
        ("chat", "room", ""),
        ("chat", "room", []),
        ("chat", "text", ""),
        ("chat", "text", "x" * 501),
        ("chat", "text", 7),
        ("request_join", "display_name", ""),
        ("request_join", "display_name", "x" * 51),
        ("approve", "user_id", "u\u0000"),
        ("take_seat", "seat_index", -1),
        ("take_seat", "seat_index", 1001),
        ("take_seat", "seat_index", 1.5),
        ("take_seat", "seat_index", "0"),
        ("take_seat", "seat_index", True),
        ("take_seat", "buy_in", -1),
        ("take_seat", "buy_in", 2**60),
        ("take_seat", "buy_in", 10**400),
        ("take_seat", "seat_index", 10**30),
        ("act", "move", "x" * 65),
        ("act", "move", 7),
        ("act", "turn", -1),
        ("act", "turn", 2**60),
        ("act", "amount", 2**64),
        ("act", "amount", -(2**63) - 1),
        ("act", "amount", 10**300),
        ("act", "amount", {"deep": [2**64]}),
        ("join_room", "after", "1"),
        ("resync", "after", None),
        ("authenticate", "token", 7),
        ("authenticate", "after", [1]),
        ("authenticate", "rejoin_token", "a second one"),
        ("authenticate", "seat_token", "a second one"),
        ("rebuy", "amount", 0),
        ("rebuy", "amount", 2**60),
        ("kick", "user_id", ""),
        ("kick", "ban", 1),
        ("adjust_chips", "amount", -(2**60)),
        ("adjust_chips", "reason", "x" * 201),
        ("update_settings", "settings", []),
        ("update_settings", "settings", {"max_spectators": 2**64}),
        ("update_settings", "settings", {"options": {"deep": [-(10**300)]}}),
    ],
)
def test_a_field_that_is_not_right(of: str, field: str, value: Any) -> None:
    frame = next(frame for frame in GOOD if frame["type"] == of)
    found = bad(json.dumps({**frame, field: value}).encode())
    assert found.no.code == "invalid_message"
    if field != "id" and "id" in frame:
        assert found.id == frame["id"], "the answer says whose it is"


@pytest.mark.parametrize("frame", GOOD, ids=lambda frame: str(frame["type"]))
def test_a_field_that_is_missing(frame: dict[str, Any]) -> None:
    for field in frame.keys() - OPTIONAL - {"act": {"amount"}, "take_seat": {"seat_index"}}.get(frame["type"], set()):
        assert bad({key: value for key, value in frame.items() if key != field}).no.code == "invalid_message"


@pytest.mark.parametrize(
    "type", ["nonsense", "wake", "recover", "attended", "deserted", "roll_back", "Chat", "", "ack", "x" * 9999]
)
def test_a_type_that_there_is_not(type: str) -> None:
    found = bad({"type": type, "id": "1", "room": "r"})
    assert (found.no.code, found.id, found.room) == ("unknown_type", "1", "r")


def test_the_runtimes_own_commands_cannot_be_sent() -> None:
    ours = {kind.__struct_config__.tag for kind in AnyCommand.__args__}
    theirs = {kind.__struct_config__.tag for kind in ClientCommand.__args__}
    assert ours - theirs == {
        "attended", "deserted", "attendance", "vacant", "wake", "give_up", "halt", "recover", "roll_back", "fork",
        "resting",
    }  # fmt: skip


numbers = st.one_of(st.integers(), st.floats(), st.sampled_from((2**53, 2**63, 2**64, -(2**63), 10**50, 1e308)))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert bad(data).no.code in ("invalid_message", "unknown_type")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_mutated_frames(frame: dict[str, Any], data: st.DataObject) -> None:
    """Frames that are let through can be sent on and written down."""
    mutated = {**frame, data.draw(st.sampled_from([*frame, "amount", "arguments", "extra"])): data.draw(values)}
    text = json.dumps(mutated).encode("utf-8", "surrogatepass")
    at = data.draw(st.integers(0, len(text)))
    if data.draw(st.booleans()):
        text = text[:at] + data.draw(st.binary(max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    found = decode(text)
    if isinstance(found, Bad):
        assert found.no.code in ("invalid_message", "unknown_type")
        msgspec.json.decode(protocol.error(found.no, found.id, found.room))
    elif isinstance(found, AnyCommand):
        request = Submit(Epoch(1), Sender(UserId("u"), "n"), found)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=Submit) == request
        written = msgspec.json.encode(found)
        assert b"\x00" not in written
        assert msgspec.json.decode(written, type=AnyCommand) == found


def test_frames_to_clients() -> None:
    read = msgspec.json.decode
    assert read(protocol.ack("1", "r", 3, Told(seat_index=2))) == {
        "type": "ack", "id": "1", "room": "r", "seq": 3, "seat_index": 2,
    }  # fmt: skip
    assert read(protocol.error(Refusal("x", "y", None, 5), "1")) == {
        "type": "error", "code": "x", "message": "y", "id": "1", "retry_after_ms": 5,
    }  # fmt: skip
    assert read(protocol.hydrated("r", 3, 7, 9, b'{"a":1}', False)) == {
        "type": "hydrated", "room": "r", "seq": 3, "epoch": 7, "at": 9, "view": {"a": 1},
    }  # fmt: skip
    assert read(protocol.hydrated("r", 3, 7, 9, b"{}", True))["stale"] is True
    assert read(protocol.updates("r", [b'{"seq":1}', b'{"seq":2}']))["updates"] == [{"seq": 1}, {"seq": 2}]
    assert read(protocol.updates('"', []))["room"] == '"'
    assert read(protocol.heartbeat_ack(5)) == {"type": "heartbeat_ack", "server_time": 5}
    assert read(protocol.heartbeat_ack(5, {"r": "t"})) == {
        "type": "heartbeat_ack", "server_time": 5, "seat_tokens": {"r": "t"},
    }  # fmt: skip
    assert read(protocol.with_rejoin_token(b'{"seq":3,"me":{"legal":[{"move":"x"}]},"room":{}}', "t")) == {
        "seq": 3, "me": {"legal": [{"move": "x"}], "rejoin_token": "t"}, "room": {},
    }  # fmt: skip
    assert read(protocol.left("r")) == {"type": "left", "room": "r"}


def test_who_is_welcomed_is_told_no_more_than_there_is() -> None:
    known = protocol.Welcome(user_id="u", display_name="n", expires_at=7, server_time=5)
    told = {"type": "authenticated", "user_id": "u", "display_name": "n", "expires_at": 7, "server_time": 5}
    assert msgspec.json.decode(protocol.authenticated(known)) == told
    there = {"room": "r", "role": "player", "is_host": False, "seat_index": 0, "rejoin_token": "a", "seat_token": "b"}
    assert msgspec.json.decode(protocol.authenticated(msgspec.structs.replace(known, **there))) == told | there


@pytest.mark.parametrize(
    ("told", "unchanged", "members"),
    [
        (Told(), False, b""),
        (Told(), True, b'"unchanged":true,'),
        (Told(status="approved"), True, b'"status":"approved","unchanged":true,'),
        (Told(status="approved", rejoin_token="a"), False, b'"status":"approved","rejoin_token":"a",'),
        (
            Told(seat_index=0, rejoin_token="a", seat_token="b"),
            False,
            b'"seat_index":0,"rejoin_token":"a","seat_token":"b",',
        ),
    ],
)
def test_an_ack_is_byte_for_byte_what_it_was(told: Told, unchanged: bool, members: bytes) -> None:
    frame = protocol.ack("1", "r", 3, told, unchanged=unchanged)
    assert frame == b'{%b"type":"ack","id":"1","room":"r","seq":3}' % members


def test_the_schema_names_every_frame() -> None:
    text = msgspec.json.encode(protocol.schema()).decode()
    for kind in (Chat, TakeSeat, Act):
        assert f'"{kind.__struct_config__.tag}"' in text


@pytest.mark.parametrize("nest", [lambda inner: [inner], lambda inner: {"a": inner}])
@pytest.mark.parametrize("kind", ["act", "update_settings"])
def test_every_python_has_one_limit_of_nesting(kind: str, nest: Any) -> None:
    value: Any = 1
    for _ in range(NESTED_LIMIT):
        value = nest(value)
    fields = {"type": kind, "id": "1", "room": "r", "move": "raise"}
    frames = [
        {**fields, "settings": {"a": each}} if kind != "act" else {**fields, "amount": each}
        for each in (value, nest(value))
    ]
    shallow, deep = (decode(json.dumps(frame)) for frame in frames)
    assert not isinstance(shallow, Bad)
    assert isinstance(deep, Bad)
    assert (deep.no.code, deep.no.message, deep.id) == ("invalid_message", "It is nested too deep.", "1")


@pytest.mark.parametrize("of", [frame for frame in GOOD if "id" in frame])
def test_a_traceparent_is_beside_the_command(of: dict[str, Any]) -> None:
    with_it = msgspec.json.encode({**of, "traceparent": "00-place"})
    assert decode(with_it) == decode(msgspec.json.encode(of)), "neither logged nor compared"
    assert protocol.traceparent(with_it) == "00-place"
    assert protocol.traceparent(msgspec.json.encode(of)) is None


@pytest.mark.parametrize("value", [b"7", b"null", b"[" * 900 + b"]" * 900, b"1e999", b'"\\ud800"', b'{"a":[{}]}'])
@pytest.mark.parametrize("of", [b'"type":"chat","text":"\\"traceparent\\""', b'"type":"act","move":"m"'])
def test_whatever_stands_there_is_no_command_the_worse(of: bytes, value: bytes) -> None:
    data = b'{"id":"1","room":"r",%b,"traceparent":%b}' % (of, value)
    found = decode(data)
    assert isinstance(found, Bad) or parsed(protocol.traceparent(data)) is None
    plain = decode(b'{"id":"1","room":"r",%b}' % of)
    assert protocol.traceparent(b'{"id":"1","room":"r",%b}' % of) is None
    assert found == plain or isinstance(found, Bad)
