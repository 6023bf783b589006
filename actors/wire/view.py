"""The view's skeleton: what docs/reference/protocol.md section 4 fixes of it, for every game. A game adds fields to
`game`, to each seat and to `me`. And the room from outside, which shares its fields with the view's `room`.

`actors.room.view` makes views; no view is encoded by these types. The published schemas are made of them; tests hold
to them what is shown, and so do the bots of `tavola load`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

Role = Literal["guest", "approved", "spectator", "player"]
Status = Literal["open", "playing", "paused", "closed"]
Approval = Literal["host", "auto"]
Visibility = Literal["public", "private"]
Standing = Literal["pending", "approved", "rejected", "kicked"]
Attendance = Literal["active", "away", "disconnected", "sitting_out"]
RECENT = 20
"""How many updates a view shows under `recent`."""


class RoomPart(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the room that anybody may know."""

    id: str
    code: str
    name: str
    game: str
    status: Status
    host_id: str
    approval: Approval
    visibility: Visibility
    options: dict[str, Any]
    players: int
    max_players: int
    max_spectators: int
    empty_minutes: int
    reserved: list[int] | UnsetType = UNSET
    """Seats that are kept for users who do not sit in them."""


class RoomSummary(RoomPart, frozen=True, kw_only=True):
    """The room as the lobby and REST show it to those who have not looked into it. `present`: the people who are
    there, bots apart; `active_at`: when something happened last, to five minutes."""

    spectators: int
    present: int
    created_at: str
    active_at: str


class GamePart(msgspec.Struct, frozen=True, kw_only=True):
    """And what the game shows everybody at the table."""

    id: str
    number: int


class SeatPart(msgspec.Struct, frozen=True, kw_only=True):
    """A taken seat, and what the game shows everybody of it. `bot`: no person has it."""

    seat_index: int
    user_id: str
    display_name: str
    status: Attendance
    bot: Literal[True] | UnsetType = UNSET


class ClockPart(msgspec.Struct, frozen=True, kw_only=True):
    """The rule of clocks that players have of their own (`games.base.OwnTime`), with its times. `fischer`: `base_ms`,
    and `increment_ms` more after each of one's turns; `bronstein`: after each as much as it took is given back, at most
    `delay_ms`; `byo_yomi`: `main_ms`, then `periods` of `period_ms`, of which one that is not used up is whole again;
    `hourglass`: the time of one's turn is gained by the others; `correspondence`: `move_ms` for each turn."""

    kind: Literal["fischer", "bronstein", "byo_yomi", "hourglass", "correspondence"]
    base_ms: int | UnsetType = UNSET
    increment_ms: int | UnsetType = UNSET
    delay_ms: int | UnsetType = UNSET
    main_ms: int | UnsetType = UNSET
    periods: int | UnsetType = UNSET
    period_ms: int | UnsetType = UNSET
    move_ms: int | UnsetType = UNSET


class TurnPart(msgspec.Struct, frozen=True, kw_only=True):
    """After `deadline_ms` the timebank runs; after both the game decides. Turns that begin together have one number.
    Where players have time of their own for a whole round there is no timebank, `clock` says by which rule, and
    `clocks` by seat what each had left when their turn began, in ms: only that of `seat_index` runs, to `deadline_ms`,
    and those of the seats in `turns`, each to its own."""

    number: int
    seat_index: int
    deadline_ms: int
    timebank_ms: int
    clock: ClockPart | UnsetType = UNSET
    clocks: dict[str, int] | UnsetType = UNSET


class LegalMove(msgspec.Struct, frozen=True, kw_only=True):
    """And each of the move's arguments, with its range (`min`, `max`) or its `choices`, or the value that it has here,
    a text, a number or a boolean: several entries of one move say which go together. Where `exact` is false, and no
    argument, some of what is offered may be refused; else all of it is legal, and no other move is."""

    move: str


class MePart(msgspec.Struct, frozen=True, kw_only=True):
    """The viewer, and what the game shows to them alone."""

    user_id: str
    role: Role
    is_host: bool
    legal: list[LegalMove]
    seat_index: int | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    request: Literal["pending", "rejected", "kicked"] | UnsetType = UNSET
    reserved_seat: int | UnsetType = UNSET
    offers: list[Literal["resign", "draw", "undo"]] | UnsetType = UNSET
    """While a round runs: that one may resign, offer a draw, or ask to take a move back, in games that have it."""


class PendingRequest(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    display_name: str
    requested_at: int


class DeferredAct(msgspec.Struct, frozen=True, kw_only=True):
    """An act of the host's that waits for the end of the hand, and who asked for it: a command's name, its id and its
    own fields."""

    id: str
    act: Literal["adjust_chips", "update_settings", "close_room"]
    by: str
    user_id: str | UnsetType = UNSET
    amount: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class OfferPart(msgspec.Struct, frozen=True, kw_only=True):
    """An offer among players that waits for an answer, by the id of the command that made it; `accepted`: the seats
    that have agreed."""

    offer: Literal["draw", "undo"]
    id: str
    seat_index: int
    accepted: list[int]


class ReservationPart(msgspec.Struct, frozen=True, kw_only=True):
    """The user for whom a seat is kept, by the name that they have here, if they have one."""

    user_id: str
    display_name: str | UnsetType = UNSET


class WatchingPart(msgspec.Struct, frozen=True, kw_only=True):
    """A spectator."""

    display_name: str
    status: Literal["active", "away"]


class MemberPart(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom the room knows. `status` is of those who are admitted, and holds while they do not sit."""

    display_name: str
    standing: Standing
    since: int
    watching: bool | UnsetType = UNSET
    status: Literal["active", "away"] | UnsetType = UNSET
    banned: bool | UnsetType = UNSET


class HostControls(msgspec.Struct, frozen=True, kw_only=True):
    """The commands that the host could send now."""

    can_start: bool
    can_pause: bool
    can_resume: bool
    can_kick: bool
    can_transfer: bool
    can_adjust_chips: bool
    can_update_settings: bool
    can_close: bool


FOR_INSIDE = ("game", "seats", "spectators", "watching")
FOR_HOST = ("pending_requests", "members", "host_controls")
"""Always there for them, and for nobody else."""


class ViewSkeleton(msgspec.Struct, frozen=True, kw_only=True):
    """`game`, `seats`, `spectators` and `turn` are for those inside, `pending_requests` and `host_controls` for the
    host. A field that would be null is left out."""

    room: RoomPart
    me: MePart
    game: GamePart | UnsetType = UNSET
    seats: dict[str, SeatPart] | UnsetType = UNSET
    spectators: int | UnsetType = UNSET
    turn: TurnPart | UnsetType = UNSET
    turns: list[TurnPart] | UnsetType = UNSET
    """While several seats are to act at once, the turn of each; `turn` is the first of them."""
    offer: OfferPart | UnsetType = UNSET
    deferred: list[DeferredAct] | UnsetType = UNSET
    reservations: dict[str, ReservationPart] | UnsetType = UNSET
    pending_requests: list[PendingRequest] | UnsetType = UNSET
    watching: dict[str, WatchingPart] | UnsetType = UNSET
    members: dict[str, MemberPart] | UnsetType = UNSET
    host_controls: HostControls | UnsetType = UNSET

    def misplaced(self) -> str | None:
        """The first part that is kept from its viewer, or shown to somebody whom it is not for, if there is one."""
        inside = self.me.is_host or self.me.role in ("spectator", "player")
        for parts, due in ((FOR_INSIDE, inside), (FOR_HOST, self.me.is_host)):
            for part in parts:
                if (getattr(self, part) is not UNSET) is not due:
                    return part
        hidden = {
            "turn": self.turn,
            "turns": self.turns,
            "offer": self.offer,
            "deferred": self.deferred,
            "reservations": self.reservations,
        }
        return None if inside else next((part for part, shown in hidden.items() if shown is not UNSET), None)


class RecentUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """An update as this viewer saw it."""

    seq: int
    epoch: int
    at: int
    events: list[dict[str, Any]]


class ServedView(ViewSkeleton, frozen=True, kw_only=True):
    """All that a viewer may see of a room as of `seq`, which was committed at `epoch`."""

    seq: int
    epoch: int
    at: int
    stale: bool
    recent: list[RecentUpdate]
