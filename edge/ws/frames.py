"""What the server sends on the socket, as types: for the published schema, and for tests of what is sent."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tavola.actors.wire.commands import snake
from tavola.edge.ws.protocol import ClientFrame, Welcome

REF = "#/$defs/{name}"


class _Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=snake):
    pass


class Hydrated(_Frame, frozen=True, kw_only=True):
    """The whole view, as of `seq`, which was committed at `epoch`. Unless it is `stale` it is the truth, also where it
    is older than what was sent before."""

    room: str
    seq: int
    epoch: int
    at: int
    view: dict[str, Any]
    stale: bool = False


class Update(_Frame, frozen=True, kw_only=True):
    """`patch` is a JSON merge patch (RFC 7396) of this viewer's view."""

    room: str
    seq: int
    epoch: int
    at: int
    events: list[dict[str, Any]]
    patch: dict[str, Any] = {}
    rejoin_token: str | None = None


class Updates(_Frame, frozen=True, kw_only=True):
    """What was missed, in order."""

    room: str
    updates: list[dict[str, Any]]


class Ack(_Frame, frozen=True, kw_only=True):
    """The command `id` is durable at `seq`. What it gives its sender stands beside."""

    id: str
    room: str
    seq: int
    status: Literal["pending", "approved"] | None = None
    seat_index: int | None = None
    seat_token: str | None = None
    rejoin_token: str | None = None


class Error(_Frame, frozen=True, kw_only=True):
    """A refusal. With `id` it is a command's."""

    code: str
    message: str
    id: str | None = None
    room: str | None = None
    details: dict[str, Any] | None = None
    retry_after_ms: int | None = None


class HeartbeatAck(_Frame, frozen=True, kw_only=True):
    """`seat_tokens`: fresh ones by room, where the client's are old."""

    server_time: int
    seat_tokens: dict[str, str] = {}


class Presence(_Frame, frozen=True, kw_only=True):
    room: str
    user_id: str
    status: Literal["active", "away", "disconnected"]


class Left(_Frame, frozen=True, kw_only=True):
    room: str


class Closing(_Frame, frozen=True, kw_only=True):
    reason: str
    reconnect_after_ms: int


ServerFrame = Welcome | Hydrated | Update | Updates | Ack | Error | HeartbeatAck | Presence | Left | Closing


def document() -> dict[str, Any]:
    """JSON Schema of every frame; `ClientFrame` and `ServerFrame` among its definitions are the two directions."""
    (sent, received), definitions = msgspec.json.schema_components((ClientFrame, ServerFrame), ref_template=REF)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Frames of tavola.v1",
        "anyOf": [{"$ref": REF.format(name=name)} for name in ("ClientFrame", "ServerFrame")],
        "$defs": {**definitions, "ClientFrame": sent, "ServerFrame": received},
    }
