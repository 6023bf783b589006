"""The room as data: what is loaded, what is decided on, what is stored.

`Room` is immutable; deciding makes another one. Three parts, by how they are stored: `Info` is the row of `rooms`,
`members` are the rows of `room_players` and `room_spectators`, `Table` is the JSON in `game_states`, written whole in
every commit (so it holds ids, no names, and nothing that can be computed).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from tavola.actors.versions.schema import SCHEMA as SCHEMA
from tavola.actors.wire.commands import CLIENT_COMMANDS, CommandId, DeferrableCommand, RoomId, UserId
from tavola.actors.wire.given import NOTHING_GIVEN, Given
from tavola.actors.wire.grants import Grant as Grant
from tavola.actors.wire.messages import Fleeting
from tavola.actors.wire.settings import RoomSettings
from tavola.actors.wire.view import Approval as Approval
from tavola.actors.wire.view import Role as Role
from tavola.actors.wire.view import Standing as Standing
from tavola.actors.wire.view import Status as Status
from tavola.actors.wire.view import Visibility as Visibility
from tavola.games.base import Round, SeatIndex
from tavola.games.events import EventKind
from tavola.games.offers import Agreement
from tavola.games.registry import GAMES

S = TypeVar("S")
O = TypeVar("O")

PENDING_MS = 86_400_000
"""A request that the host has not answered ends after this long."""


class Deferred(msgspec.Struct, frozen=True):
    """An act of the host's that waits for the end of the hand, and who asked for it."""

    by: UserId
    command: DeferrableCommand

    @property
    def name(self) -> str:
        return CLIENT_COMMANDS[type(self.command)]


class Info(RoomSettings[Any], frozen=True, kw_only=True):
    """The room itself, apart from what happens in it."""

    id: RoomId
    code: str
    game: str
    host: UserId
    status: Status = "open"
    deferred: tuple[Deferred, ...] = ()
    """The host's acts that wait for the end of the hand, in the order in which they were asked for."""

    def stored_settings(self) -> dict[str, Any]:
        """The content of `rooms.settings`, before it is JSON. `versions` are the room's and the game's, unless both are
        the first."""
        fields = {name: getattr(self, name) for name in RoomSettings.__struct_fields__}
        settings = {name: value for name, value in fields.items() if value is not UNSET}
        versions = (SCHEMA, GAMES[self.game].version)
        return settings if versions == (1, 1) else {**settings, "versions": versions}


class Member(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Somebody who asked to join: what became of it, since when (ms), whether they are watching now, and whether,
    kicked, they may never ask again. `leaves_at`: they have no socket and leave then (ms), unless they sit, or are the
    host, who counts as gone from then on. `idle`: they were sat out for not moving, and have done nothing since."""

    name: str
    standing: Standing
    at: int
    watching: bool = False
    banned: bool = False
    leaves_at: int | None = None
    idle: bool = False

    @property
    def ends_at(self) -> int | None:
        """When their part in the room ends by itself, if they do not sit, in ms."""
        return self.at + PENDING_MS if self.standing == "pending" else self.leaves_at

    @property
    def here(self) -> bool:
        """Whether they are admitted, and count as there while they do not sit."""
        return self.standing == "approved" and self.leaves_at is None and not self.idle


class Away(msgspec.Struct, frozen=True, array_like=True):
    """A player without a socket: since when, when they count as disconnected, and when their seat is freed (all in
    ms)."""

    since: int
    disconnected_at: int
    freed_at: int
    step: Literal["away", "disconnected", "leaving"] = "away"
    """`leaving`: their time is up, and the seat is free when the hand has ended."""
    sat_out: bool = False
    """It is we who sat them out: they are in again when they come back."""
    turn_ms: int = 2_000
    """The time that they have for a turn, in ms."""


class Seat(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A taken seat: who sits in it, since when (ms), what is left of their timebank (ms), whether they are away, and
    how many of their turns on end were played for them (`missed`)."""

    user: UserId
    at: int
    timebank_ms: int
    away: Away | None = None
    missed: int = 0


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """A turn: a decision that one player has to make. After `deadline_ms` the timebank of `timebank_ms` runs; after
    both the game decides. Turns of several players that begin together have one number."""

    number: int
    seat: SeatIndex
    deadline_ms: int
    timebank_ms: int


class PendingOffer(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """An offer that waits for the others' answers: the seat that made it, by the command `id`, and who has agreed."""

    kind: Agreement
    seat: SeatIndex
    id: CommandId
    accepted: tuple[SeatIndex, ...] = ()

    def ends_with(self, mover: SeatIndex | None) -> bool:
        """Whether a move of that seat is the end of it: of one that was asked, who does not answer by it; and of one
        that wanted a move back, and goes on."""
        return mover is not None and (mover != self.seat or self.kind == "undo")


class Table(msgspec.Struct, Generic[S], frozen=True, kw_only=True, omit_defaults=True):
    """The course of the room. `at` is when it was decided, in ms; `game` is the game's own state."""

    v: int = 0
    """`SCHEMA`; 0 is never written."""
    game_version: int = msgspec.field(name="gv", default=1)
    """`Game.version`. With `v`, what all of a state and of a checkpoint is written at."""
    at: int
    game: S
    seats: dict[SeatIndex, Seat] = {}
    turn: Turn | None = None
    """The first of the turns that run."""
    beside: tuple[Turn, ...] = ()
    """The others, where several players are to act at once. Left out of what is stored while there are none, as
    `RoomSettings.reserved` is."""
    clocks: Mapping[SeatIndex, int] = {}
    """The time that each player had left when their turn began, in ms. Empty where time is the turn's
    (`games.Clock`)."""
    offer: PendingOffer | None = None
    resting: bool = False
    """The room was put away while a player's own time ran, and nothing has happened since."""
    turns: int = 0
    """The number of the last turn."""
    games: int = 0
    """How many games have been begun here."""
    running: bool = False
    """A game has been begun and is not over."""
    hand: int = 0
    """The number of the last round that was begun."""
    advance_at: int | None = None
    """When the game goes on by itself, in ms."""
    paused_at: int | None = None
    """Since when the host has halted play, in ms; every clock stands still but the next."""
    host_gone_at: int | None = None
    """When the host, who is away, passes their part on, in ms. Also in a pause, which would never end otherwise."""
    closes_at: int | None = None
    """Nobody is here: when the room closes, in ms. In a pause too."""

    @property
    def running_turns(self) -> tuple[Turn, ...]:
        """All turns that run, the one that began first before others."""
        if self.turn is None:
            return ()
        return (self.turn, *self.beside) if self.beside else (self.turn,)

    def turn_of(self, seat: SeatIndex) -> Turn | None:
        """The turn of the player in `seat`."""
        for turn in self.running_turns:
            if turn.seat == seat:
                return turn
        return None

    def sits_as(self, seats: dict[SeatIndex, Seat]) -> bool:
        """Whether the same users sit in the same seats there."""
        mine = self.seats
        if mine is seats:
            return True
        return mine.keys() == seats.keys() and all(seat.user == mine[index].user for index, seat in seats.items())


class Room(msgspec.Struct, frozen=True, dict=True):
    info: Info
    members: dict[UserId, Member]
    table: Table[Any]

    @cached_property
    def seated(self) -> dict[UserId, SeatIndex]:
        """Which members sit where. A user who has left, or was put out, has no part in the seat that they still
        hold."""
        return {seat.user: index for index, seat in self.table.seats.items() if self.admitted(seat.user)}

    @cached_property
    def leaving_at(self) -> int | None:
        """When the next member leaves for having no socket, or the next request ends, in ms."""
        return min(
            (
                due
                for user, member in self.members.items()
                if (due := member.ends_at) is not None and user != self.info.host and user not in self.seated
            ),
            default=None,
        )

    def then(self, info: Info, members: dict[UserId, Member], table: Table[Any]) -> Room:
        """The room afterwards, which knows who sits where already if nobody came or went."""
        after = Room(info, members, table)
        if members is self.members and self.table.sits_as(table.seats):
            after.__dict__["seated"] = self.seated
            if info is self.info or info.host == self.info.host:
                after.__dict__["leaving_at"] = self.leaving_at
        return after

    def admitted(self, user: UserId) -> bool:
        member = self.members.get(user)
        return member is not None and member.standing == "approved"

    def hosted_by(self, user: UserId) -> Room:
        """The same room with another host, who is here."""
        return replace(self, info=replace(self.info, host=user), table=replace(self.table, host_gone_at=None))

    def seat_of(self, user: UserId) -> SeatIndex | None:
        return self.seated.get(user)

    def role_of(self, user: UserId) -> Role:
        if user in self.seated:
            return "player"
        member = self.members.get(user)
        if member is None or member.standing != "approved":
            return "guest"
        return "spectator" if member.watching else "approved"

    @property
    def kept_seats(self) -> list[SeatIndex]:
        """The seats that are reserved for users who do not sit in them."""
        if not self.info.reserved:
            return []
        return sorted(index for index in self.info.reserved.values() if index not in self.table.seats)

    @property
    def spectators(self) -> int:
        return sum(member.watching for member in self.members.values())


class RoomEvent(msgspec.Struct, frozen=True):
    """A fact about the room. Everybody inside knows `fields`; `private[user]` adds to it for one of them.

    With `only`, nobody but those users learns of it at all, wherever they are.
    """

    kind: EventKind
    fields: dict[str, Any] = {}
    private: dict[UserId, dict[str, Any]] = {}
    only: tuple[UserId, ...] | None = None


class Decision(msgspec.Struct, frozen=True):
    """An accepted command: the next room, what happened, and what the sender is given in their `ack`."""

    room: Room
    events: tuple[RoomEvent, ...]
    give: Given = NOTHING_GIVEN
    rounds: tuple[Round, ...] = ()
    result: dict[str, Any] | None = None
    grants: tuple[Grant, ...] = ()
    called_off: dict[str, Any] | None = None
    """The game and the round that ran before are over by it, with this as their record."""
    out: tuple[UserId, ...] = ()
    """The users who were put out of the room: their sockets here are closed."""
    drawn: bool = True
    """Whether the entropy may have had a part in it: if so it is logged."""


class Nothing(msgspec.Struct, frozen=True):
    """An alarm that found nothing due: no update, no commit."""


class Unchanged(msgspec.Struct, frozen=True):
    """An accepted command that leaves everything as it is: no update, no commit, and what its sender is given. `tell`,
    if there is something, is said once to all who follow the room."""

    give: Given = NOTHING_GIVEN
    tell: Fleeting | None = None
