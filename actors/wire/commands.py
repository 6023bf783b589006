"""The vocabulary: who sends, every command, and every refusal. Fields and codes: docs/reference/protocol.md.

A command is decided by `actors.room.decide.decide`. Adding one: a class here, a case there, and a row in
docs/reference/protocol.md; the type checker names every other place that must know of it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, NewType, get_args

import msgspec

RoomId = NewType("RoomId", str)
UserId = NewType("UserId", str)
CommandId = NewType("CommandId", str)
Epoch = NewType("Epoch", int)
Seq = NewType("Seq", int)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""An opaque id: up to 64 characters, none of them a control character (Postgres has no place for NUL)."""
SeatNumber = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Sender(msgspec.Struct, frozen=True, array_like=True):
    """The sender of a command: the user of a verified token. The runtime itself is `SYSTEM`."""

    user: UserId
    name: str

    @property
    def overrules(self) -> bool:
        """Whether it may do what a room's host may, in any room: it is a server of the deployment's owner, or an
        operator."""
        return self.user.startswith((SERVICE, OPERATORS))


SYSTEM = Sender(UserId(""), "")
OPERATOR = Sender(UserId("\x1foperator"), "operator")
"""The operator at the command line. No user's id holds a control character."""
SERVICE = "service:"
"""The ids of other servers that act for themselves begin with this, and no user's does."""
OPERATORS = "operator:"
"""The ids of operators begin with this, then their name; no user's does."""

GONE = "gone_"
"""How the ids begin that stand for users who had themselves forgotten."""
BOT = "bot:"
"""The ids of bots that a room's host has seated begin with this, then the bot's name; no user's does."""


def snake(name: str) -> str:
    """`TakeSeat` → `take_seat`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=snake):
    """A request to change a room. `id` is the sender's own: sent again, it takes effect once and is answered alike."""

    id: Id
    room: Id


class RequestJoin(Command, frozen=True, kw_only=True):
    display_name: Name


class Approve(Command, frozen=True, kw_only=True):
    user_id: Id


class Reject(Command, frozen=True, kw_only=True):
    user_id: Id


class TakeSeat(Command, frozen=True, kw_only=True):
    """Without `seat_index`, the seat that is reserved for the sender."""

    seat_index: SeatNumber | None = None
    display_name: Name | None = None
    buy_in: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class LeaveSeat(Command, frozen=True, kw_only=True):
    pass


class Spectate(Command, frozen=True, kw_only=True):
    display_name: Name | None = None


class StopSpectating(Command, frozen=True, kw_only=True):
    pass


class Act(Command, frozen=True, kw_only=True):
    """A move of the game. On the wire `arguments` stand beside `move`; here they are gathered."""

    move: Id
    turn: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    arguments: dict[str, Any] = {}


class Chat(Command, frozen=True, kw_only=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Announce(Command, frozen=True, kw_only=True):
    """Another server tells a room something. `data` is for its own clients, bounded by the size of a frame; `fleeting`:
    whoever is there hears it, and it is neither numbered nor kept."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    data: dict[str, Any] | None = None
    fleeting: bool = False


class Start(Command, frozen=True, kw_only=True):
    pass


class SitOut(Command, frozen=True, kw_only=True):
    pass


class SitIn(Command, frozen=True, kw_only=True):
    pass


class Rebuy(Command, frozen=True, kw_only=True):
    amount: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class Resign(Command, frozen=True, kw_only=True):
    """In games that have it (`games.offers`), as all of these."""


class OfferDraw(Command, frozen=True, kw_only=True):
    pass


class AnswerDraw(Command, frozen=True, kw_only=True):
    """`offer`: the id of the command that made it; without it, the one that waits."""

    accept: bool
    offer: Id | None = None


class RequestUndo(Command, frozen=True, kw_only=True):
    """The sender's last move is to be taken back, with all that came after it."""


class AnswerUndo(Command, frozen=True, kw_only=True):
    accept: bool
    offer: Id | None = None


class WithdrawOffer(Command, frozen=True, kw_only=True):
    """The sender's own, of either kind."""

    offer: Id | None = None


class Pause(Command, frozen=True, kw_only=True):
    pass


class Resume(Command, frozen=True, kw_only=True):
    pass


class Kick(Command, frozen=True, kw_only=True):
    user_id: Id
    ban: bool = False


class AddBot(Command, frozen=True, kw_only=True):
    """A bot takes the seat. `bot`: one of the game's, the first of them if none is named."""

    seat_index: SeatNumber
    bot: Id | None = None
    buy_in: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class AdjustChips(Command, frozen=True, kw_only=True):
    """`amount` is added to what the user has; below zero it is taken away."""

    user_id: Id
    amount: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    after_hand: bool = False


class UpdateSettings(Command, frozen=True, kw_only=True):
    """`settings`: `name`, any of `actors.room.state.Settings`, and, under `options`, the game's own."""

    settings: dict[str, Any]
    after_hand: bool = False


class TransferHost(Command, frozen=True, kw_only=True):
    user_id: Id


class CloseRoom(Command, frozen=True, kw_only=True):
    after_hand: bool = False


DeferrableCommand = AdjustChips | UpdateSettings | CloseRoom
"""The host's acts that need a pause between hands. With `after_hand`, one that is asked for in a hand happens when the
hand has ended."""


class Withdraw(Command, frozen=True, kw_only=True):
    """An act that waits for the end of the hand, by its command's id, is not to happen."""

    act_id: Id


class Leave(Command, frozen=True, kw_only=True):
    pass


class Connected(Command, frozen=True, kw_only=True, tag="attended"):
    """A seated user has a socket again. The runtime's alone."""

    user_id: Id


class Disconnected(Command, frozen=True, kw_only=True, tag="deserted"):
    """A seated user has no socket any more. The runtime's alone. After `disconnected_ms` they count as disconnected,
    after `freed_ms` their seat is freed; both count from now. For each turn meanwhile they have `turn_ms`."""

    user_id: Id
    disconnected_ms: int
    freed_ms: int
    turn_ms: int = 2_000


class Attendance(Command, frozen=True, kw_only=True):
    """The members `here` have a socket again, and the members `gone` have none any more: those who do not sit, and the
    host. A member who is gone for `leaves_ms` leaves. The runtime's alone."""

    here: tuple[Id, ...] = ()
    gone: tuple[Id, ...] = ()
    leaves_ms: int


class Vacant(Command, frozen=True, kw_only=True):
    """Nobody is there: unless somebody comes, the room closes after `closes_ms`, or after what its settings say. The
    runtime's alone."""

    closes_ms: int


class Wake(Command, frozen=True, kw_only=True):
    """The room's alarm: whatever is due by now is done. Sent by the runtime alone. When all who play have missed
    `idle_turns` turns on end, they sit out; 0 is never."""

    idle_turns: int = 0


class GiveUp(Command, frozen=True, kw_only=True):
    """`Wake` could not be carried out, by a mistake of the game's: what is due is settled without asking the game for a
    move. The runtime's alone."""


class Halt(Command, frozen=True, kw_only=True):
    """`GiveUp` could not be carried out either: the room stands still until its host lets it go on. The runtime's
    alone."""


class Recover(Command, frozen=True, kw_only=True):
    """The room was loaded away from an actor that died: players get back the time that passed. The runtime's alone."""


class Resting(Command, frozen=True, kw_only=True):
    """The room is put away while it is well, although a player's own time runs: that is no crash. The runtime's
    alone."""


class RollBack(Command, frozen=True, kw_only=True):
    """The room goes on from `kept`, a checkpoint of how it was at the seq `to`, with nothing in it that play may not go
    on from: `actors.past.archive.playable` makes it of what is stored, so no client sends this by itself. `voided`: the
    number of the round that ran then and is called off. The host's and the operator's."""

    to: int
    kept: str
    voided: int | None = None
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Fork(Command, frozen=True, kw_only=True):
    """A room in which nothing has happened yet goes on from a past of the room `origin`, as in `RollBack`, with those
    who sat there. The operator's."""

    origin: Id
    to: int
    kept: str
    voided: int | None = None


ClientCommand = (
    RequestJoin
    | Approve
    | Reject
    | TakeSeat
    | LeaveSeat
    | Spectate
    | StopSpectating
    | Act
    | SitOut
    | SitIn
    | Rebuy
    | Resign
    | OfferDraw
    | AnswerDraw
    | RequestUndo
    | AnswerUndo
    | WithdrawOffer
    | Chat
    | Announce
    | Start
    | Pause
    | Resume
    | Kick
    | AddBot
    | AdjustChips
    | UpdateSettings
    | TransferHost
    | Leave
    | CloseRoom
    | Withdraw
)
"""The commands that a client may send."""

HostCommand = (
    Approve
    | Reject
    | Start
    | Pause
    | Resume
    | Kick
    | AddBot
    | AdjustChips
    | UpdateSettings
    | TransferHost
    | CloseRoom
    | Withdraw
)
"""The commands that only the host may send."""


def _named(union: Any) -> dict[type[Command], str]:
    return {kind: kind.__struct_config__.tag for kind in get_args(union)}


CLIENT_COMMANDS = _named(ClientCommand)
"""Each command of a client's → its name on the wire. Code that needs the list of commands takes it from here."""
HOST_COMMANDS = _named(HostCommand)

AnyCommand = (
    ClientCommand
    | RollBack
    | Fork
    | Connected
    | Disconnected
    | Attendance
    | Vacant
    | Wake
    | GiveUp
    | Halt
    | Recover
    | Resting
)

STATUS: dict[str, int] = {
    "invalid_message": 400,
    "unknown_type": 400,
    "unknown_game": 400,
    "invalid_options": 400,
    "unauthenticated": 401,
    "token_expired": 401,
    "token_invalid": 401,
    "forbidden": 403,
    "not_host": 403,
    "not_approved": 403,
    "not_seated": 403,
    "banned": 403,
    "muted": 403,
    "room_not_found": 404,
    "user_not_found": 404,
    "seat_taken": 409,
    "seat_reserved": 409,
    "already_seated": 409,
    "room_full": 409,
    "stale_turn": 409,
    "not_your_turn": 409,
    "illegal_move": 409,
    "hand_in_progress": 409,
    "room_paused": 409,
    "room_closed": 409,
    "already_requested": 409,
    "offer_pending": 409,
    "no_offer": 409,
    "host_away": 409,
    "id_reused": 409,
    "too_many_rooms": 409,
    "game_over": 410,
    "message_too_large": 413,
    "corrupted_state": 422,
    "rate_limited": 429,
    "game_error": 500,
    "storage_unavailable": 503,
    "room_unavailable": 503,
    "overloaded": 503,
}
"""Every refusal's code, and its HTTP status."""
