"""Frames ↔ commands. Shapes and sizes are checked here, before anything else sees a frame; no sockets.

Fields and codes are those of docs/reference/protocol.md.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from tavola.actors.wire.commands import Act, Announce, ClientCommand, Id, UpdateSettings, snake
from tavola.actors.wire.messages import Refusal
from tavola.edge.identity.told import NOTHING_TOLD, Told

FRAME_LIMIT = 32 * 1024
SUBPROTOCOL = "tavola.v1"
GAP_LIMIT = 200
"""Missing numbers that are replayed; a longer gap is answered with a full view."""


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=snake):
    pass


After = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""The last seq that a client has seen."""
AtEpoch = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""The epoch that came with that seq."""


class Authenticate(_Frame, frozen=True, kw_only=True):
    """Says who the client is, by one of three tokens, or, by none, that the handshake's cookie says it."""

    token: str | None = None
    rejoin_token: str | None = None
    seat_token: str | None = None
    after: dict[str, After] = {}
    epochs: dict[str, AtEpoch] = {}

    def __post_init__(self) -> None:
        if sum(token is not None for token in (self.token, self.rejoin_token, self.seat_token)) > 1:
            raise ValueError("Expected one of `token`, `rejoin_token`, `seat_token`")


class JoinRoom(_Frame, frozen=True, kw_only=True):
    room: Id
    after: After | None = None
    epoch: AtEpoch | None = None
    code: Id | None = None


class LeaveRoom(_Frame, frozen=True, kw_only=True):
    room: Id


class Resync(_Frame, frozen=True, kw_only=True):
    room: Id
    after: After
    epoch: AtEpoch | None = None


class Heartbeat(_Frame, frozen=True, kw_only=True):
    pass


ClientFrame = Authenticate | JoinRoom | LeaveRoom | Resync | Heartbeat | ClientCommand


class _FrameHead(msgspec.Struct):
    """The fields of a frame that is not right, as far as they can be read."""

    type: Any = None
    id: Any = None
    room: Any = None


class Bad(msgspec.Struct, frozen=True):
    """A frame that cannot be accepted, and as much as could be made out of whose answer this is."""

    no: Refusal
    id: str | None = None
    room: str | None = None


class _TracedFrame(msgspec.Struct):
    traceparent: Any = None


_decode = msgspec.json.Decoder(ClientFrame).decode
_decode_traced = msgspec.json.Decoder(_TracedFrame).decode
_decode_head = msgspec.json.Decoder(_FrameHead).decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_TYPES = {member.__struct_config__.tag for member in ClientFrame.__args__}
_ACT_FIELDS = frozenset({"type", "id", "room", "move", "turn", "traceparent"})
B = TypeVar("B", bound=UpdateSettings | Announce)

NESTED_LIMIT = 32
"""Lists and objects within each other in a move's arguments, or in settings. Left to itself each Python has a limit of
its own, and an actor may have a lower one than its edge."""


def decode(data: bytes | str) -> ClientFrame | Bad:
    """The frame in `data`, or what is wrong with it."""
    try:
        frame = _decode(data)
        if type(frame) is Act:
            return with_arguments(frame, _decode_object(data))
        return bounded(frame) if type(frame) is UpdateSettings or type(frame) is Announce else frame
    except (msgspec.MsgspecError, RecursionError, OverflowError, UnicodeDecodeError) as error:
        return _bad(data, error)


def with_arguments(act: Act, fields: dict[str, Any]) -> Act:
    """A move with its own arguments, which stand beside `move`. Raises `OverflowError` for a number beyond 64 bits, and
    `RecursionError` for what is nested beyond `NESTED_LIMIT`."""
    arguments = {key: value for key, value in fields.items() if key not in _ACT_FIELDS}
    demand_shallow(arguments)
    _pack(arguments)
    return msgspec.structs.replace(act, arguments=arguments)


def bounded(command: B) -> B:
    """As it is. Raises as `with_arguments` does: no line could carry such a number."""
    given = (command.settings if isinstance(command, UpdateSettings) else command.data) or {}
    demand_shallow(given)
    _pack(given)
    return command


def demand_shallow(value: Any, levels: int = NESTED_LIMIT + 1) -> None:
    """Raises `RecursionError` where lists and objects lie more than `levels` deep in each other, `value` included."""
    for each in value.values() if type(value) is dict else value:
        if type(each) is list or type(each) is dict:
            if levels == 1:
                raise RecursionError
            demand_shallow(each, levels - 1)


def traceparent(data: bytes) -> object:
    """The `traceparent` that stands in a command's frame, which is right otherwise: whatever it is, None if there is
    none. It is no part of the command."""
    if b'"traceparent"' not in data:
        return None
    try:
        return _decode_traced(data).traceparent
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):  # Where it stood, the command did not look.
        return None


def whose(data: bytes | str) -> tuple[str | None, str | None]:
    """The id and the room that a message names, as far as it can be made out."""
    head = _head(data)
    return _short(head.id), _short(head.room)


def _bad(data: bytes | str, error: Exception) -> Bad:
    head = _head(data)
    no = Refusal("invalid_message", _reason(error))
    if isinstance(head.type, str) and head.type not in _TYPES:
        no = Refusal("unknown_type", "There is no message of that type.")
    return Bad(no, _short(head.id), _short(head.room))


def _head(data: bytes | str) -> _FrameHead:
    try:
        return _decode_head(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _FrameHead()


def _short(id: Any) -> str | None:
    return id if isinstance(id, str) and len(id) <= 64 else None


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return f"{error}."
    if isinstance(error, OverflowError):
        return "A number is too large."
    if isinstance(error, RecursionError):
        return "It is nested too deep."
    return "This is not a JSON object of the protocol."


# To the client


class Welcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="authenticated"):
    """The user that the server takes the client for. The fields below `server_time` are there when a room's token
    said them."""

    user_id: str
    display_name: str
    expires_at: int
    server_time: int
    room: str | None = None
    role: str | None = None
    is_host: bool | None = None
    seat_index: int | None = None
    rejoin_token: str | None = None
    seat_token: str | None = None


def authenticated(welcome: Welcome) -> bytes:
    return _encode(welcome)


def with_rejoin_token(view: bytes, token: str) -> bytes:
    """The view, with `token` in its `me`."""
    parts = _decode_parts(view)
    parts["me"] = msgspec.Raw(_encode({**_decode_parts(parts["me"]), "rejoin_token": token}))
    return _encode(parts)


def hydrated(room: str, seq: int, epoch: int, at: int, view: bytes, stale: bool) -> bytes:
    frame: dict[str, Any] = {"type": "hydrated", "room": room, "seq": seq, "epoch": epoch, "at": at}
    frame["view"] = msgspec.Raw(view)
    return _encode({**frame, "stale": True} if stale else frame)


def updates(room: str, frames: list[bytes]) -> bytes:
    return b'{"type":"updates","room":%b,"updates":[%b]}' % (_encode(room), b",".join(frames))


class _AckMessage(Told, frozen=True, kw_only=True, omit_defaults=True):
    unchanged: bool = False
    type: str
    id: str
    room: str
    seq: int


def ack(id: str, room: str, seq: int, told: Told = NOTHING_TOLD, *, unchanged: bool = False) -> bytes:
    """`unchanged`: the command found everything as it wants it."""
    if told is NOTHING_TOLD and not unchanged:  # as of most commands
        return _encode({"type": "ack", "id": id, "room": room, "seq": seq})
    return _encode(
        _AckMessage(
            status=told.status,
            seat_index=told.seat_index,
            rejoin_token=told.rejoin_token,
            seat_token=told.seat_token,
            unchanged=unchanged,
            type="ack",
            id=id,
            room=room,
            seq=seq,
        )
    )


def error(no: Refusal, id: str | None = None, room: str | None = None) -> bytes:
    frame: dict[str, Any] = {"type": "error", "code": no.code, "message": no.message}
    fields = {"id": id, "room": room, "details": no.details, "retry_after_ms": no.retry_after_ms}
    return _encode(frame | {key: value for key, value in fields.items() if value is not None})


def heartbeat_ack(now: int, seat_tokens: dict[str, str] | None = None) -> bytes:
    """`seat_tokens`: room → a fresh one for the seat there."""
    if not seat_tokens:
        return b'{"type":"heartbeat_ack","server_time":%d}' % now
    return _encode({"type": "heartbeat_ack", "server_time": now, "seat_tokens": seat_tokens})


def left(room: str) -> bytes:
    return _encode({"type": "left", "room": room})


def closing(reason: str, reconnect_after_ms: int) -> bytes:
    return _encode({"type": "closing", "reason": reason, "reconnect_after_ms": reconnect_after_ms})


def schema() -> dict[str, Any]:
    """The JSON Schema of the frames that a client may send."""
    return msgspec.json.schema(ClientFrame)
