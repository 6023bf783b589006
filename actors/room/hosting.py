"""The host's part: halting play, putting people out, chips, passing the part on, closing the room. Pure.

That the sender is the host, or may do as the host may, has been checked.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tavola.actors.room import clock
from tavola.actors.room.play import GAME_ERROR, absorb, game_of, status_at, turn_started
from tavola.actors.room.sitting import released, touched
from tavola.actors.room.state import Decision, Member, Nothing, Room, RoomEvent
from tavola.actors.wire.commands import BOT, AdjustChips, Kick, Sender, TransferHost, UserId
from tavola.actors.wire.events import (
    CHIPS_ADJUSTED,
    HOST_CHANGED,
    PLAYER_KICKED,
    ROOM_CLOSED,
    ROOM_PAUSED,
    ROOM_RESUMED,
)
from tavola.actors.wire.refusals import FORGETS_NO_BAN, HAND_IN_PROGRESS, NO_CHIPS, NOBODY, PAUSED
from tavola.games.base import Entropy, Refusal
from tavola.games.stakes import stakes_of

NAME_LIMIT = 50
BANS_LIMIT = 1_000
"""People that a room never lets in again."""


def pause(room: Room, sender: Sender, now: int) -> Decision | Refusal:
    """Every clock stands still from now on, the turn's, the pauses' and the graces'."""
    if room.table.paused_at is not None:
        return PAUSED
    return _paused(room, now, {"user_id": sender.user})


def halt(room: Room, now: int) -> Decision | Nothing:
    """As a pause, which nobody asked for: something is due, and the game cannot do it. Nothing of it is lost, and it is
    tried again when the host lets play go on: by then the mistake may have been mended."""
    due = clock.alarm(room)
    if room.table.paused_at is not None or due is None or now < due:
        return Nothing()
    return _paused(room, now, {"reason": GAME_ERROR})


def _paused(room: Room, now: int, why: dict[str, Any]) -> Decision:
    paused = replace(room, info=replace(room.info, status="paused"), table=replace(room.table, at=now, paused_at=now))
    return Decision(paused, (RoomEvent(ROOM_PAUSED, why),))


def resume(room: Room, sender: Sender, now: int) -> Decision | Refusal:
    """Every clock goes on where it was."""
    table = room.table
    if table.paused_at is None:
        return Refusal("illegal_move", "The room is not paused.")
    paused_at, times = table.paused_at, game_of(room).clock(room.info.options)
    seats = {
        index: seat if seat.away is None else replace(seat, away=clock.put_off(seat.away, paused_at, now))
        for index, seat in table.seats.items()
    }
    turns = [clock.resumed(turn, paused_at, now, times, table.clocks) for turn in table.running_turns]
    first = turns[0] if turns else None
    advance_at = table.advance_at
    if advance_at is not None:
        began = advance_at - (game_of(room).advance_after_ms(table.game, room.info.options) or 0)
        advance_at += now - max(paused_at, began)
    resumed = replace(table, at=now, paused_at=None, seats=seats, turn=first, beside=tuple(turns[1:]))
    resumed = replace(resumed, advance_at=advance_at)
    room = replace(room, info=replace(room.info, status=status_at(first, advance_at, None)), table=resumed)
    resumed_by = RoomEvent(ROOM_RESUMED, {"user_id": sender.user})
    return Decision(room, (resumed_by, *map(turn_started, clock.running(room))))


def kick(room: Room, command: Kick, now: int, entropy: Entropy) -> Decision | Refusal:
    """Somebody is put out of the room, or, if they have not come, loses the seat that is reserved for them. The seat
    of a player in the hand that runs may be theirs until it ends: as when they leave."""
    user = UserId(command.user_id)
    if user == room.info.host:
        return Refusal("forbidden", "The host cannot be put out; pass the part on first.")
    member = room.members.get(user)
    room, ended = released(room, user)
    if member is None and ended:
        if not command.ban:
            return Decision(replace(room, table=replace(room.table, at=now)), ended)
        member = Member(user[:NAME_LIMIT], "pending", now)  # They have no name here yet.
    if member is None or (member.standing == "kicked" and member.banned >= command.ban):
        return NOBODY
    if command.ban and sum(other.banned for other in room.members.values()) >= BANS_LIMIT:
        return FORGETS_NO_BAN
    seat = room.seat_of(user)
    gone = Member(member.name, "kicked", now, banned=command.ban)
    members = {**room.members, user: gone}
    if user.startswith(BOT):
        del members[user]  # Nobody comes back as that one.
    room = replace(room, members=members, table=replace(room.table, at=now))
    inside = member.standing == "approved"
    event = RoomEvent(PLAYER_KICKED, {"user_id": user, "ban": command.ban})
    if not inside:
        event = replace(event, only=(room.info.host, user))
    events = (event, *ended)
    if seat is None:
        return Decision(room, events, out=(user,))
    outcome = game_of(room).stand(room.table.game, room.info.options, seat)
    if isinstance(outcome, Refusal):
        # They are on their way out of the seat already.
        return Decision(room, events, out=(user,))
    return replace(absorb(room, outcome, now, entropy, events), out=(user,))


def adjust_chips(room: Room, command: AdjustChips, now: int, entropy: Entropy) -> Decision | Refusal:
    user = UserId(command.user_id)
    index, game = room.seat_of(user), game_of(room)
    if index is None:
        return NOBODY
    if not game.between_rounds(room.table.game):
        return HAND_IN_PROGRESS
    stakes = stakes_of(game)
    if stakes is None:
        return NO_CHIPS
    outcome = stakes.adjust_chips(room.table.game, room.info.options, index, command.amount)
    if isinstance(outcome, Refusal):
        return outcome
    fields: dict[str, Any] = {"seat_index": index, "user_id": user, "amount": command.amount}
    fields["chips"] = stakes.chips(outcome.state, index)
    if command.reason:
        fields["reason"] = command.reason
    return absorb(touched(room), outcome, now, entropy, (RoomEvent(CHIPS_ADJUSTED, fields),))


def transfer_host(room: Room, command: TransferHost, now: int) -> Decision | Refusal:
    user = UserId(command.user_id)
    if not room.admitted(user) or user.startswith(BOT):
        return NOBODY
    if user == room.info.host:
        return Decision(replace(room, table=replace(room.table, at=now)), ())
    passed = room.hosted_by(user)
    return Decision(replace(passed, table=replace(passed.table, at=now)), (RoomEvent(HOST_CHANGED, {"user_id": user}),))


def close_room(room: Room, sender: Sender, now: int) -> Decision | Refusal:
    if not game_of(room).between_rounds(room.table.game):
        return HAND_IN_PROGRESS
    return shut(room, now, {"user_id": sender.user})


def shut(room: Room, now: int, why: dict[str, Any]) -> Decision:
    """Nothing happens here any more; what happened stays to be read."""
    table = room.table
    result = {"closed": True} if table.running else None
    closed = replace(
        table, at=now, turn=None, beside=(), offer=None, advance_at=None, paused_at=None, running=False, closes_at=None
    )
    room = replace(room, info=replace(room.info, status="closed", deferred=()), table=closed)
    return Decision(room, (RoomEvent(ROOM_CLOSED, why),), result=result)
