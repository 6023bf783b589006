"""Membership, a user's part in the room: asking, admitting, seats, watching, leaving, the host. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from tavola.actors.room import clock
from tavola.actors.room.absence import claim, host_gone
from tavola.actors.room.play import absorb, game_of
from tavola.actors.room.sitting import released, reserved_against
from tavola.actors.room.state import Decision, Grant, Member, Room, RoomEvent, Seat
from tavola.actors.wire.commands import (
    BOT,
    AddBot,
    Approve,
    Reject,
    RequestJoin,
    Sender,
    Spectate,
    TakeSeat,
    UserId,
)
from tavola.actors.wire.events import (
    HOST_CHANGED,
    PLAYER_APPROVED,
    PLAYER_JOIN_REQUESTED,
    PLAYER_LEFT,
    PLAYER_REJECTED,
    PLAYER_SEATED,
    SPECTATOR_JOINED,
    SPECTATOR_LEFT,
)
from tavola.actors.wire.given import NOTHING_GIVEN, Admission, Given, JoinStatus, SeatGrant, WatchGrant
from tavola.actors.wire.grants import grant
from tavola.actors.wire.names import clean
from tavola.actors.wire.refusals import HOST_AWAY, NO_RESERVATION, NOT_APPROVED, NOT_SEATED
from tavola.games.base import Entropy, Refusal, SeatIndex
from tavola.games.events import EventKind
from tavola.games.stakes import sit_down

PENDING_LIMIT = 50
"""Requests that may wait for the host at once: all of them are in their view."""
MEMBERS_LIMIT = 1_000
"""People that a room knows, beside its spectators and those who are banned: whoever asked, whatever became of it. Of
those who are not in it any more, it forgets who has not been for longest when another asks."""
BOT_NAMES = ("Ada", "Bela", "Chen", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "Juno", "Kai", "Lena", "Milo", "Nia")
ASK_AGAIN_MS = 60_000
"""A user who was rejected, or put out of the room, may ask again after this long."""


def request_join(room: Room, sender: Sender, command: RequestJoin, now: int, entropy: Entropy) -> Decision | Refusal:
    """Users for whom a seat is reserved are invited: nobody is asked, and there is always a place for them."""
    invited = sender.user in room.info.reservations
    name = clean(command.display_name)
    if not name:
        return Refusal("invalid_message", "A display name needs at least one visible character.")
    member = room.members.get(sender.user)
    match member.standing if member else None:
        case "kicked" if member and member.banned:
            return Refusal("banned", "You may not join this room.")
        case "approved":
            return _changed(room, now, (), JoinStatus("approved"))
        case "pending" if room.info.host and not invited:
            return _changed(room, now, (), JoinStatus("pending"))
        case _ if room.info.approval == "host" and room.info.host and not invited and host_gone(room, now):
            return HOST_AWAY
        case "rejected" | "kicked" if member and not invited and now < member.at + ASK_AGAIN_MS:
            wait = member.at + ASK_AGAIN_MS - now
            return Refusal("already_requested", "The host said no; ask again later.", retry_after_ms=wait)
        case _:
            pass
    if member is None and not invited:
        made = _made_room(room)
        if isinstance(made, Refusal):
            return made
        room = made
    if room.info.approval == "auto" or not room.info.host or invited:
        events: tuple[RoomEvent, ...] = (_about(PLAYER_APPROVED, room, sender.user, display_name=name),)
        room = _with_member(room, sender.user, Member(name, "approved", now))
        if not room.info.host:
            room = room.hosted_by(sender.user)
            events += (RoomEvent(HOST_CHANGED, {"user_id": sender.user}),)
        granted = grant(sender.user, "approved", None, entropy)
        return _granted(_changed(room, now, events), granted, Admission(granted.id))
    if sum(other.standing == "pending" for other in room.members.values()) >= PENDING_LIMIT:
        return Refusal("room_full", "Too many are waiting to be let in.", retry_after_ms=ASK_AGAIN_MS)
    asked = _about(PLAYER_JOIN_REQUESTED, room, sender.user, display_name=name)
    room = _with_member(room, sender.user, Member(name, "pending", now))
    return _changed(room, now, (asked,), JoinStatus("pending"))


def answer(room: Room, command: Approve | Reject, now: int, entropy: Entropy) -> Decision | Refusal:
    """The host's answer to a request: `Approve` or `Reject`. That it is the host has been checked."""
    user = UserId(command.user_id)
    member = room.members.get(user)
    if member is None or member.standing != "pending":
        return Refusal("user_not_found", "That user has no request pending.")
    if isinstance(command, Reject):
        said_no = _with_member(room, user, Member(member.name, "rejected", now))
        return _changed(said_no, now, (_about(PLAYER_REJECTED, room, user, display_name=member.name),))
    admitted = _with_member(room, user, Member(member.name, "approved", now))
    decision = _changed(admitted, now, (_about(PLAYER_APPROVED, room, user, display_name=member.name),))
    return replace(decision, grants=(grant(user, "approved", None, entropy),))


def take_seat(room: Room, sender: Sender, command: TakeSeat, now: int, entropy: Entropy) -> Decision | Refusal:
    role, game, table = room.role_of(sender.user), game_of(room), room.table
    if role == "player":
        return Refusal("already_seated", "You already have a seat at this table.")
    if role == "guest":
        return NOT_APPROVED
    if command.seat_index is None:
        return NO_RESERVATION
    index = SeatIndex(command.seat_index)
    if index >= game.seats(room.info.options):
        return Refusal("invalid_message", f"Seats are numbered 0 to {game.seats(room.info.options) - 1}.")
    if index in table.seats:
        return Refusal("seat_taken", "That seat is taken.")
    if (kept := reserved_against(room, sender.user, index)) is not None:
        return kept
    outcome = sit_down(game, table.game, room.info.options, index, command.buy_in)
    if isinstance(outcome, Refusal):
        return outcome
    member = room.members[sender.user]
    name = (clean(command.display_name) if command.display_name else "") or member.name
    room = _with_member(room, sender.user, Member(name, "approved", now))
    seat = Seat(sender.user, now, clock.timebank(game.clock(room.info.options)))
    events: tuple[RoomEvent, ...] = (
        RoomEvent(PLAYER_SEATED, {"seat_index": index, "user_id": sender.user, "display_name": name}),
    )
    if room.info.reservations.get(sender.user, index) != index:
        room, ended = released(room, sender.user)
        events += ended
    if not room.info.host:
        room = room.hosted_by(sender.user)
        table = room.table
        events += (RoomEvent(HOST_CHANGED, {"user_id": sender.user}),)
    room = replace(room, table=replace(table, seats={**table.seats, index: seat}))
    granted = grant(sender.user, "player", index, entropy)
    return _granted(absorb(room, outcome, now, entropy, events), granted, SeatGrant(index, granted.id))


def add_bot(room: Room, command: AddBot, now: int, entropy: Entropy) -> Decision | Refusal:
    """A bot is admitted, and takes the seat. It has a name of its own by `entropy`. That the host asks was checked."""
    kinds = game_of(room).bots
    kind = command.bot or kinds[0]
    if kind not in kinds:
        return Refusal("invalid_options", f"The bots of this game are {', '.join(kinds)}.", {"bots": list(kinds)})
    made = _made_room(room)
    if isinstance(made, Refusal):
        return made
    user, name = UserId(f"{BOT}{kind}:{entropy[:8].hex()}"), BOT_NAMES[entropy[8] % len(BOT_NAMES)]
    admitted = _with_member(made, user, Member(name, "approved", now))
    seat = TakeSeat(id=command.id, room=command.room, seat_index=command.seat_index, buy_in=command.buy_in)
    seated = take_seat(admitted, Sender(user, name), seat, now, entropy)
    if isinstance(seated, Refusal):
        return seated
    return replace(seated, give=NOTHING_GIVEN)  # The way back into the seat is not the host's.


def leave_seat(room: Room, sender: Sender, now: int, entropy: Entropy) -> Decision | Refusal:
    """The seat is free at once, or, where the game needs its player in the hand that runs, when that ends."""
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    outcome = game_of(room).stand(room.table.game, room.info.options, index)
    return outcome if isinstance(outcome, Refusal) else absorb(room, outcome, now, entropy)


def spectate(room: Room, sender: Sender, command: Spectate, now: int, entropy: Entropy) -> Decision | Refusal:
    match room.role_of(sender.user):
        case "guest":
            return NOT_APPROVED
        case "player":
            return Refusal("already_seated", "You have a seat at this table; leave it to watch.")
        case "spectator":
            return _changed(room, now, ())
        case "approved":
            pass
    if sum(other.watching and other.here for other in room.members.values()) >= room.info.max_spectators:
        return Refusal("room_full", "No more spectators are admitted.")
    name = (clean(command.display_name) if command.display_name else "") or room.members[sender.user].name
    room = _with_member(room, sender.user, Member(name, "approved", now, True))
    joined = RoomEvent(SPECTATOR_JOINED, {"user_id": sender.user, "display_name": name})
    granted = grant(sender.user, "spectator", None, entropy)
    return _granted(_changed(room, now, (joined,)), granted, WatchGrant(granted.id))


def stop_spectating(room: Room, sender: Sender, now: int) -> Decision | Refusal:
    if room.role_of(sender.user) != "spectator":
        return Refusal("forbidden", "You are not watching this room.")
    room = _with_member(room, sender.user, Member(room.members[sender.user].name, "approved", now))
    return _changed(room, now, (RoomEvent(SPECTATOR_LEFT, {"user_id": sender.user}),))


def leave(room: Room, sender: Sender, now: int, entropy: Entropy) -> Decision | Refusal:
    """Leaves the room for good; a seat is given up as by `leave_seat`, and the host's part passes on at once."""
    room, ended = released(room, sender.user)
    if sender.user not in room.members:
        return _changed(room, now, ended) if ended else Refusal("forbidden", "You have no part in this room.")
    index = room.seat_of(sender.user)
    member = room.members[sender.user]
    if member.standing in ("rejected", "kicked"):
        return _changed(room, now, ())
    members = {user: other for user, other in room.members.items() if user != sender.user}
    room = replace(room, members=members)
    events = ended
    if sender.user == room.info.host:
        room = room.hosted_by(heir(room, without=sender.user))
        events += (RoomEvent(HOST_CHANGED, {"user_id": room.info.host or None}),)
    left = RoomEvent(PLAYER_LEFT, {"user_id": sender.user})
    if member.standing == "pending":
        left = replace(left, only=(room.info.host, sender.user))
    events += (left,)
    if index is None:
        return _changed(room, now, events)
    outcome = game_of(room).stand(room.table.game, room.info.options, index)
    if isinstance(outcome, Refusal):
        # They are on their way out of the seat already; it is free when the hand ends.
        return _changed(room, now, events) if outcome.code == "hand_in_progress" else outcome
    return absorb(room, outcome, now, entropy, events)


def heir(room: Room, *, without: UserId) -> UserId:
    """The longest-seated player becomes host, else who watches longest, else who was admitted first; in a room where
    nobody is left, nobody: the next who comes in does."""
    ranked = [
        (*claim(room, user), user)
        for user, member in room.members.items()
        if member.standing == "approved" and user != without and not user.startswith(BOT)
    ]
    return min(ranked)[2] if ranked else UserId("")


def _made_room(room: Room) -> Room | Refusal:
    """The room with a place for one more whom it knows: it may forget somebody for that."""
    if sum(not member.banned for member in room.members.values()) < room.info.max_spectators + MEMBERS_LIMIT:
        return room
    if (forgotten := _gone_longest(room)) is None:
        return Refusal("room_full", "This room knows as many people as it can.")
    return replace(room, members={user: other for user, other in room.members.items() if user != forgotten})


def _gone_longest(room: Room) -> UserId | None:
    """Of those whom the room remembers and who are not in it, the one who left, or was sent away, longest ago."""
    left = [
        (member.at, user)
        for user, member in room.members.items()
        if not member.banned and member.standing in ("rejected", "kicked")
    ]
    return min(left)[1] if left else None


def _granted(decision: Decision, granted: Grant, give: Given) -> Decision:
    """The decision, with what its sender may come back with."""
    return replace(decision, give=give, grants=(granted,))


def _with_member(room: Room, user: UserId, member: Member) -> Room:
    return replace(room, members={**room.members, user: member})


def _about(kind: EventKind, room: Room, user: UserId, **fields: str) -> RoomEvent:
    """Only the host and the user themselves learn of it."""
    return RoomEvent(kind, {"user_id": user, **fields}, only=(room.info.host, user))


def _changed(room: Room, now: int, events: tuple[RoomEvent, ...], give: Given = NOTHING_GIVEN) -> Decision:
    return Decision(replace(room, table=replace(room.table, at=now)), events, give)
