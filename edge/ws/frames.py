"""The server's frames on the socket, as types: for the published schema, and for tests of what is sent."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tavola.actors.wire.commands import snake
from tavola.actors.wire.view import ServedView
from tavola.edge.ws.protocol import ClientFrame, Welcome

REF = "#/$defs/{name}"


def _tag(name: str) -> str:
    """`HeartbeatAckFrame` → `heartbeat_ack`."""
    return snake(name.removesuffix("Frame"))


class _ServerFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=_tag):
    pass


class HydratedFrame(_ServerFrame, frozen=True, kw_only=True):
    """The whole view, as of `seq`, which was committed at `epoch`. Unless it is `stale` it is the truth, also where it
    is older than what was sent before."""

    room: str
    seq: int
    epoch: int
    at: int
    view: ServedView
    stale: bool = False


class UpdateFrame(_ServerFrame, frozen=True, kw_only=True):
    """`patch` is a JSON merge patch (RFC 7396) of this viewer's view."""

    room: str
    seq: int
    epoch: int
    at: int
    events: list[dict[str, Any]]
    patch: dict[str, Any] = {}
    rejoin_token: str | None = None


class UpdatesFrame(_ServerFrame, frozen=True, kw_only=True):
    """The missed updates, in order."""

    room: str
    updates: list[dict[str, Any]]


class AckFrame(_ServerFrame, frozen=True, kw_only=True):
    """The command `id` is durable at `seq`. The values that it gives its sender stand beside."""

    id: str
    room: str
    seq: int
    status: Literal["pending", "approved"] | None = None
    seat_index: int | None = None
    seat_token: str | None = None
    rejoin_token: str | None = None


class ErrorFrame(_ServerFrame, frozen=True, kw_only=True):
    """A refusal. With `id` it is a command's."""

    code: str
    message: str
    id: str | None = None
    room: str | None = None
    details: dict[str, Any] | None = None
    retry_after_ms: int | None = None


class HeartbeatAckFrame(_ServerFrame, frozen=True, kw_only=True):
    """`seat_tokens`: fresh ones by room, where the client's are old."""

    server_time: int
    seat_tokens: dict[str, str] = {}


class PresenceFrame(_ServerFrame, frozen=True, kw_only=True):
    room: str
    user_id: str
    status: Literal["active", "away", "disconnected"]


class AnnouncementFrame(_ServerFrame, frozen=True, kw_only=True):
    """Another server's words to all who follow the room, now and never again."""

    room: str
    service: str
    text: str
    data: dict[str, Any] = {}


class LeftFrame(_ServerFrame, frozen=True, kw_only=True):
    room: str


class ClosingFrame(_ServerFrame, frozen=True, kw_only=True):
    reason: str
    reconnect_after_ms: int


ServerFrame = (
    Welcome
    | HydratedFrame
    | UpdateFrame
    | UpdatesFrame
    | AckFrame
    | ErrorFrame
    | HeartbeatAckFrame
    | PresenceFrame
    | AnnouncementFrame
    | LeftFrame
    | ClosingFrame
)


def document() -> dict[str, Any]:
    """JSON Schema of every frame; `ClientFrame` and `ServerFrame` among its definitions are the two directions."""
    (sent, received), definitions = msgspec.json.schema_components((ClientFrame, ServerFrame), ref_template=REF)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Frames of tavola.v1",
        "anyOf": [{"$ref": REF.format(name=name)} for name in ("ClientFrame", "ServerFrame")],
        "$defs": {**definitions, "ClientFrame": sent, "ServerFrame": received},
    }
