"""Frames ↔ commands. Shapes and sizes are checked here, before anything else sees a frame; no sockets.

Fields and codes are those of docs/protocol.md.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from actors.commands import Act, ClientCommand, Id, snake
from actors.messages import Done, No

FRAME_LIMIT = 32 * 1024
SUBPROTOCOL = "tavola.v1"
GAP_LIMIT = 200
"""Missing numbers that are replayed; a longer gap is answered with a full view."""


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=snake):
    pass


After = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""The last seq that a client has seen."""


class Authenticate(_Frame, frozen=True, kw_only=True):
    token: str | None = None
    after: dict[str, After] = {}


class JoinRoom(_Frame, frozen=True, kw_only=True):
    room: Id
    after: After | None = None


class LeaveRoom(_Frame, frozen=True, kw_only=True):
    room: Id


class Resync(_Frame, frozen=True, kw_only=True):
    room: Id
    after: After


class Heartbeat(_Frame, frozen=True, kw_only=True):
    pass


ClientFrame = Authenticate | JoinRoom | LeaveRoom | Resync | Heartbeat | ClientCommand


class _Head(msgspec.Struct):
    """What can be said of a frame that is not right."""

    type: Any = None
    id: Any = None
    room: Any = None


class Bad(msgspec.Struct, frozen=True):
    """A frame that cannot be accepted, and as much as could be made out of whose answer this is."""

    no: No
    id: str | None = None
    room: str | None = None


_decode = msgspec.json.Decoder(ClientFrame).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_TYPES = {member.__struct_config__.tag for member in ClientFrame.__args__}
_ACT_FIELDS = frozenset({"type", "id", "room", "move", "turn"})


def decode(data: bytes | str) -> ClientFrame | Bad:
    """The frame in `data`, or what is wrong with it."""
    try:
        frame = _decode(data)
        return with_arguments(frame, _decode_object(data)) if type(frame) is Act else frame
    except (msgspec.MsgspecError, RecursionError, OverflowError, UnicodeDecodeError) as error:
        return _bad(data, error)


def with_arguments(act: Act, fields: dict[str, Any]) -> Act:
    """A move with its own arguments, which stand beside `move`. Raises `OverflowError` for a number beyond 64 bits."""
    arguments = {key: value for key, value in fields.items() if key not in _ACT_FIELDS}
    _pack(arguments)
    return msgspec.structs.replace(act, arguments=arguments)


def whose(data: bytes | str) -> tuple[str | None, str | None]:
    """The id and the room that a message names, as far as it can be made out."""
    head = _head(data)
    return _short(head.id), _short(head.room)


def _bad(data: bytes | str, error: Exception) -> Bad:
    head = _head(data)
    no = No("invalid_message", _reason(error))
    if isinstance(head.type, str) and head.type not in _TYPES:
        no = No("unknown_type", "There is no message of that type.")
    return Bad(no, _short(head.id), _short(head.room))


def _head(data: bytes | str) -> _Head:
    try:
        return _decode_head(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _Head()


def _short(id: Any) -> str | None:
    return id if isinstance(id, str) and len(id) <= 64 else None


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return f"{error}."
    if isinstance(error, OverflowError):
        return "A number is too large."
    return "This is not a JSON object of the protocol."


# To the client


def authenticated(user: str, name: str, expires_at: int, now: int) -> bytes:
    return _encode(
        {"type": "authenticated", "user_id": user, "display_name": name, "expires_at": expires_at, "server_time": now}
    )


def hydrated(room: str, seq: int, at: int, view: bytes, stale: bool) -> bytes:
    frame: dict[str, Any] = {"type": "hydrated", "room": room, "seq": seq, "at": at, "view": msgspec.Raw(view)}
    return _encode({**frame, "stale": True} if stale else frame)


def updates(room: str, frames: list[bytes]) -> bytes:
    return b'{"type":"updates","room":%b,"updates":[%b]}' % (_encode(room), b",".join(frames))


def ack(id: str, room: str, done: Done) -> bytes:
    return _encode({**done.give, "type": "ack", "id": id, "room": room, "seq": done.seq})


def error(no: No, id: str | None = None, room: str | None = None) -> bytes:
    frame: dict[str, Any] = {"type": "error", "code": no.code, "message": no.message}
    fields = {"id": id, "room": room, "details": no.details, "retry_after_ms": no.retry_after_ms}
    return _encode(frame | {key: value for key, value in fields.items() if value is not None})


def heartbeat_ack(now: int) -> bytes:
    return b'{"type":"heartbeat_ack","server_time":%d}' % now


def left(room: str) -> bytes:
    return _encode({"type": "left", "room": room})


def closing(reason: str, reconnect_after_ms: int) -> bytes:
    return _encode({"type": "closing", "reason": reason, "reconnect_after_ms": reconnect_after_ms})


def schema() -> dict[str, Any]:
    """The JSON Schema of the frames that a client may send."""
    return msgspec.json.schema(ClientFrame)
