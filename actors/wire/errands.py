"""Errands: work that needs a game's rules and no room, which any room actor does for an edge. All that it takes comes
with it and all that comes of it is the answer, so one whose actor is lost is given to another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import msgspec

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.messages import Answer, GetView, Request
from tavola.games.base import SeatIndex


class Draw(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """Give the rows of a new room (`Opening`), which closes after `empty_ms` (0 is never) if nobody comes and its
    settings do not say otherwise. `now` is in ms; `wish` is a `RoomWish` as JSON, for a client's options may have
    numbers that only JSON can say."""

    wish: bytes
    room: RoomId
    code: str
    name: str
    host: UserId
    host_name: str
    now: int
    empty_ms: int = 0


class Glimpse(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """Give the view that the viewer of `look` has of the room in `row`, which is of `load_glimpse`, with the rows
    `last`, of `log_last`; or `HasPart`."""

    look: GetView
    row: dict[str, Any]
    last: list[dict[str, Any]]


class MakeCheckpoint(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Give the checkpoint (`Recalled`) of the room in `row`, which is of `load_room`."""

    row: dict[str, Any]


class Retrace(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """Give the checkpoint (`Recalled`) of the room after these rows of `log_commands`, which follow `checkpoint`."""

    room: RoomId
    seq: int
    checkpoint: str
    rows: list[dict[str, Any]]


class Recall(msgspec.Struct, frozen=True, array_like=True, tag=24):
    """Give, as JSON (`Recalled`), of the room in `checkpoint`: `shown`, the view that all at the table had; `seen`, a
    `SeenThen` of `user`, or of any spectator; `audience`, of which `user` was; `playable`, what play may go on from
    (`Playable`)."""

    room: RoomId
    seq: int
    checkpoint: str
    what: Literal["shown", "seen", "audience", "playable"]
    user: UserId | None = None


class Opening(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """A new room's rows: settings, options (which are among them), state and checkpoint as JSON; `alarm_at` is when it
    closes if nobody comes, in ms; `reserved`: for whom there are seats, and which."""

    game: str
    settings: str
    options: str
    max_players: int
    state: str
    checkpoint: str
    alarm_at: int | None
    reserved: dict[UserId, SeatIndex]


class HasPart(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """Its viewer has a part in that room: only its actor answers them."""


class Recalled(msgspec.Struct, frozen=True, array_like=True, tag=22):
    text: str


class Participant(msgspec.Struct, frozen=True):
    """Somebody's part in a room. `standing` is `pending`, `approved`, `rejected` or `kicked`."""

    user_id: str
    display_name: str
    standing: str
    role: str
    is_host: bool
    seat_index: int | None


class SeenThen(msgspec.Struct, frozen=True):
    """A room as somebody saw it, `at` in ms, and who had a part in it."""

    at: int
    view: msgspec.Raw
    people: list[Participant]


class Playable(msgspec.Struct, frozen=True):
    """A checkpoint that a room may go on from, and the number of the round that was called off for it."""

    kept: str
    voided: int | None = None


Errand = Draw | Glimpse | MakeCheckpoint | Retrace | Recall
ErrandAnswer = Opening | HasPart | Recalled
"""Or a refusal, or a view."""
AnyRequest = Request | Errand
AnyAnswer = Answer | ErrandAnswer
AskErrand: TypeAlias = Callable[[Errand], Awaitable[AnyAnswer]]
"""Has an errand done."""
