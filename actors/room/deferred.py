"""Acts of the host's that wait for the end of the hand: asked for at any time, shown to everybody at the table, taken
back, and done as part of the decision that ends the hand. Pure.

They belong to the room: they survive a crash, and whoever becomes host has them, to keep or to take back.
"""

from __future__ import annotations

import hashlib
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from tavola.actors.room import hosting, settings
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Deferred, Room, RoomEvent
from tavola.actors.wire.commands import (
    AdjustChips,
    CloseRoom,
    DeferrableCommand,
    Sender,
    UpdateSettings,
    UserId,
    Withdraw,
)
from tavola.actors.wire.events import ACT_DEFERRED, ACT_DROPPED, ACT_WITHDRAWN
from tavola.actors.wire.refusals import MANY_ACTS, NO_ACT, NOBODY
from tavola.games.base import Entropy, Refusal

LIMIT = 8
"""Acts that may wait in a room at once."""


def done(room: Room, sender: Sender, command: DeferrableCommand, now: int, entropy: Entropy) -> Decision | Refusal:
    """The act is done now, or, if its sender wants that and a hand is running, after the hand."""
    if command.after_hand and not game_of(room).between_rounds(room.table.game):
        return _put_off(room, sender, command, now)
    return _at_once(room, sender, command, now, entropy)


def _at_once(room: Room, sender: Sender, command: DeferrableCommand, now: int, entropy: Entropy) -> Decision | Refusal:
    match command:
        case AdjustChips():
            return hosting.adjust_chips(room, command, now, entropy)
        case UpdateSettings():
            return settings.update_settings(room, command, now, entropy)
        case CloseRoom():
            return hosting.close_room(room, sender, now)
        case _ as never:
            assert_never(never)


def _put_off(room: Room, sender: Sender, command: DeferrableCommand, now: int) -> Decision | Refusal:
    waiting = room.info.deferred
    if isinstance(command, CloseRoom) and any(isinstance(each.command, CloseRoom) for each in waiting):
        return Decision(replace(room, table=replace(room.table, at=now)), ())
    if len(waiting) >= LIMIT:
        return MANY_ACTS
    if (no := _refused(room, command)) is not None:
        return no
    if isinstance(command, UpdateSettings):
        command = replace(command, settings=settings.tidied(command.settings))
    act = Deferred(sender.user, command)
    room = _with(room, (*waiting, act), now)
    return Decision(room, (RoomEvent(ACT_DEFERRED, shown(act)),))


def _refused(room: Room, command: DeferrableCommand) -> Refusal | None:
    """The refusal of what could not be done after the hand either, as far as that is known now."""
    match command:
        case AdjustChips():
            return NOBODY if room.seat_of(UserId(command.user_id)) is None else None
        case UpdateSettings():
            changed = settings.asked_for(room, command)
            return changed if isinstance(changed, Refusal) else None
        case CloseRoom():
            return None
        case _ as never:
            assert_never(never)


def withdraw(room: Room, sender: Sender, command: Withdraw, now: int) -> Decision | Refusal:
    act = next((act for act in room.info.deferred if act.command.id == command.act_id), None)
    if act is None:
        return NO_ACT
    room = _with(room, tuple(each for each in room.info.deferred if each is not act), now)
    about = {"id": act.command.id, "act": act.name, "user_id": sender.user}
    return Decision(room, (RoomEvent(ACT_WITHDRAWN, about),))


def settled(decision: Decision, now: int, entropy: Entropy) -> Decision:
    """The decision with all that waited for it, if it has ended the hand. An act that cannot be done is dropped, and
    everybody is told."""
    while decision.room.info.deferred and decision.room.info.status != "closed":
        room = decision.room
        if not game_of(room).between_rounds(room.table.game):
            return decision
        act, *rest = room.info.deferred
        room = _with(room, tuple(rest), now)
        entropy = Entropy(hashlib.sha256(b"deferred\0" + entropy).digest())
        more = _at_once(room, Sender(act.by, ""), act.command, now, entropy)
        if isinstance(more, Refusal):
            dropped = RoomEvent(ACT_DROPPED, {"id": act.command.id, "act": act.name, "code": more.code})
            more = Decision(room, (dropped,))
        decision = replace(
            decision,
            room=more.room,
            events=decision.events + more.events,
            rounds=decision.rounds + more.rounds,
            result=decision.result or more.result,
        )
    return decision


def shown(act: Deferred) -> dict[str, Any]:
    """The act as everybody at the table sees it."""
    fields = msgspec.to_builtins(act.command)
    for name in ("id", "type", "room", "after_hand"):
        del fields[name]
    about = {name: value for name, value in fields.items() if value is not None}
    return {"id": act.command.id, "act": act.name, "by": act.by, **about}


def _with(room: Room, waiting: tuple[Deferred, ...], now: int) -> Room:
    return replace(room, info=replace(room.info, deferred=waiting), table=replace(room.table, at=now))
