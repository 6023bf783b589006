"""The server's frames, as types (protocol.md section 2). Two depths: everything, or only what it takes to play.

The shallow one lets a decoder skip the rest of a frame without making objects of it: with thousands of followers in
one process that is most of their cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

Json = dict[str, Any]
P = TypeVar("P")
E = TypeVar("E")


class UpdateReceived(msgspec.Struct, Generic[P, E], tag_field="type", tag="update"):
    """The effect of one accepted command, as this viewer sees it. `at` is in milliseconds since the epoch."""

    room: str
    seq: int
    events: E
    patch: P | UnsetType = UNSET
    at: int = 0
    epoch: int | None = None


class Updates(msgspec.Struct, Generic[P, E], tag_field="type", tag="updates"):
    room: str
    updates: list[UpdateReceived[P, E]]


class Hydrated(msgspec.Struct, Generic[P], tag_field="type", tag="hydrated"):
    room: str
    seq: int
    view: P
    at: int = 0
    stale: bool = False
    epoch: int | None = None


class Authenticated(msgspec.Struct, tag_field="type", tag="authenticated"):
    user_id: str
    display_name: str = ""
    room: str | None = None


class Ack(msgspec.Struct, tag_field="type", tag="ack"):
    """A command took effect in update `seq`."""

    id: str
    room: str
    seq: int
    seat_token: str | None = None
    rejoin_token: str | None = None


class ErrorReceived(msgspec.Struct, tag_field="type", tag="error"):
    """A "no". `code` is one of protocol.md section 5; with `retry_after_ms` the same command may be sent again."""

    code: str
    message: str = ""
    id: str | None = None
    room: str | None = None
    retry_after_ms: int | None = None
    details: Any = None


class HeartbeatAck(msgspec.Struct, tag_field="type", tag="heartbeat_ack"):
    server_time: Any = None


class PresenceReceived(msgspec.Struct, tag_field="type", tag="presence"):
    room: str
    user_id: str
    status: str


class AnnouncementReceived(msgspec.Struct, tag_field="type", tag="announcement"):
    room: str
    service: str
    text: str
    data: dict[str, Json] = {}


class Left(msgspec.Struct, tag_field="type", tag="left"):
    room: str


class Closing(msgspec.Struct, tag_field="type", tag="closing"):
    reason: str = ""
    reconnect_after_ms: int = 0


class LeanTurn(msgspec.Struct):
    number: int | UnsetType = UNSET
    seat_index: int | UnsetType = UNSET


class LeanMe(msgspec.Struct):
    seat_index: int | UnsetType | None = UNSET
    legal: list[Json] | UnsetType | None = UNSET


class LeanSeat(msgspec.Struct):
    chips: int | UnsetType | None = UNSET
    in_hand: bool | UnsetType | None = UNSET


class LeanPatch(msgspec.Struct):
    """The parts of a view, or of a patch to one, without which one cannot play."""

    turn: LeanTurn | UnsetType | None = UNSET
    turns: list[LeanTurn] | UnsetType | None = UNSET
    me: LeanMe | UnsetType | None = UNSET
    seats: dict[str, LeanSeat | None] | UnsetType | None = UNSET


Simple = Authenticated | Ack | ErrorReceived | HeartbeatAck | PresenceReceived | AnnouncementReceived | Left | Closing
Frame: TypeAlias = UpdateReceived[P, E] | Updates[P, E] | Hydrated[P] | Simple
FullFrame: TypeAlias = Frame[Json, list[Json]]
LeanFrame: TypeAlias = Frame[LeanPatch, msgspec.Raw]

decode_full: Callable[[bytes], FullFrame] = msgspec.json.Decoder(FullFrame).decode
decode_lean: Callable[[bytes], LeanFrame] = msgspec.json.Decoder(LeanFrame).decode
encode = msgspec.json.encode
