"""The server's frames on the socket, as types: for the published schema, and for tests of what is sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from tavola.actors.wire.commands import CLIENT_COMMANDS, STATUS, snake
from tavola.actors.wire.view import ServedView
from tavola.edge.ws.event_schemas import ARGUMENT, NOTHING, TRACEPARENT, Schema, event_schemas
from tavola.edge.ws.protocol import ClientFrame, Welcome

REF = "#/$defs/{name}"
Code = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(STATUS)})]
"""Of a refusal."""


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
    updates: list[UpdateFrame]


class AckFrame(_ServerFrame, frozen=True, kw_only=True):
    """The command `id` is durable at `seq`. The values that it gives its sender stand beside."""

    id: str
    room: str
    seq: int
    status: Literal["pending", "approved"] | None = None
    seat_index: int | None = None
    seat_token: str | None = None
    rejoin_token: str | None = None
    unchanged: bool = False


class ErrorFrame(_ServerFrame, frozen=True, kw_only=True):
    """A refusal. With `id` it is a command's."""

    code: Code
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


GAMES_ADD: dict[str, Schema | bool] = {
    "Act": True, "GamePart": True, "SeatPart": True, "MePart": True, "LegalMove": ARGUMENT,
}  # fmt: skip
"""Where a game has members of its own, beside those that are named, and what they may be."""


def document() -> Schema:
    """JSON Schema of every frame; `ClientFrame` and `ServerFrame` among its definitions are the two directions."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Frames of tavola.v1",
        "anyOf": [{"$ref": REF.format(name=name)} for name in ("ClientFrame", "ServerFrame")],
        "$defs": definitions(REF),
    }


def definitions(ref: str) -> dict[str, Schema]:
    """Every type of the wire by its name; `ref` is how one is named by another."""
    (sent, received), made = msgspec.json.schema_components((ClientFrame, ServerFrame), ref_template=ref)
    heard = {option["$ref"].rpartition("/")[2] for option in received["anyOf"]}
    for name, schema in made.items():
        if name in heard:
            schema["properties"] = {field: _told(each) for field, each in schema["properties"].items()}
        if name in GAMES_ADD:
            schema["additionalProperties"] = GAMES_ADD[name]
    del made["Act"]["properties"]["arguments"]  # On the wire they stand beside `move`.
    for kind in CLIENT_COMMANDS:
        made[kind.__name__]["properties"]["traceparent"] = TRACEPARENT
    one = {"$ref": ref.format(name="Event")}
    for name in ("UpdateFrame", "RecentUpdate"):
        made[name]["properties"]["events"]["items"] = one
    return {**made, **event_schemas(ref), "ClientFrame": sent, "ServerFrame": received}


def _told(schema: Schema) -> Schema:
    """A server leaves out what it has nothing to say of, rather than to say null."""
    options = [option for option in schema.get("anyOf", ()) if option != NOTHING]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **(options[0] if len(options) == 1 else {"anyOf": options})} if options else rest
