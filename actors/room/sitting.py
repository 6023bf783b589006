"""Seats that are reserved; and the commands of a seated player beside their moves: sitting out and in, bringing more
chips. Pure.

A reservation is made when a room is opened, and names one user for one seat. It holds until that user takes another
seat, leaves for good or is put out: also while they sit there, and while they are away.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from tavola.actors.room.play import absorb, game_of
from tavola.actors.room.state import Decision, Room, RoomEvent
from tavola.actors.wire.commands import Rebuy, Sender, UserId
from tavola.actors.wire.events import CHIPS_ADDED, PLAYER_SAT_IN, PLAYER_SAT_OUT, RESERVATION_ENDED
from tavola.actors.wire.refusals import NOT_SEATED, SEAT_RESERVED
from tavola.games.base import Entropy, Outcome, Refusal, SeatIndex


def reserved_against(room: Room, user: UserId, index: SeatIndex) -> Refusal | None:
    """The refusal of a seat that is reserved for somebody else."""
    if not room.info.reserved or room.info.reserved.get(user) == index:
        return None
    return SEAT_RESERVED if index in room.info.reserved.values() else None


def released(room: Room, user: UserId) -> tuple[Room, tuple[RoomEvent, ...]]:
    """The room without the reservation of `user`, if there is one, and what is told of that."""
    if not room.info.reserved or user not in room.info.reserved:
        return room, ()
    left = {other: index for other, index in room.info.reserved.items() if other != user}
    event = RoomEvent(RESERVATION_ENDED, {"seat_index": room.info.reserved[user], "user_id": user})
    return replace(room, info=replace(room.info, reserved=left or UNSET)), (event,)


def sit_out(room: Room, sender: Sender, now: int, entropy: Entropy) -> Decision | Refusal:
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    outcome = game_of(room).sit_out(room.table.game, room.info.options, index)
    return _told(room, outcome, RoomEvent(PLAYER_SAT_OUT, {"seat_index": index, "user_id": sender.user}), now, entropy)


def sit_in(room: Room, sender: Sender, now: int, entropy: Entropy) -> Decision | Refusal:
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    outcome = game_of(room).sit_in(room.table.game, room.info.options, index)
    return _told(room, outcome, RoomEvent(PLAYER_SAT_IN, {"seat_index": index, "user_id": sender.user}), now, entropy)


def rebuy(room: Room, sender: Sender, command: Rebuy, now: int, entropy: Entropy) -> Decision | Refusal:
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    outcome = game_of(room).rebuy(room.table.game, room.info.options, index, command.amount)
    if isinstance(outcome, Refusal):
        return outcome
    fields: dict[str, Any] = {"seat_index": index, "user_id": sender.user, "amount": command.amount}
    fields["chips"] = chips_after(room, outcome, index)
    return _told(room, outcome, RoomEvent(CHIPS_ADDED, fields), now, entropy)


def chips_after(room: Room, outcome: Outcome[Any], index: SeatIndex) -> int:
    return game_of(room).chips(outcome.state, index)


def touched(room: Room) -> Room:
    """The same room with its seats' rows to be written: what is in them comes from the game."""
    return replace(room, table=replace(room.table, seats=dict(room.table.seats)))


def _told(
    room: Room, outcome: Outcome[Any] | Refusal, event: RoomEvent, now: int, entropy: Entropy
) -> Decision | Refusal:
    return outcome if isinstance(outcome, Refusal) else absorb(touched(room), outcome, now, entropy, (event,))
