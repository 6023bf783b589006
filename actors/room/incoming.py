"""A client's command before and after it is decided. Pure.

None of this is asked again when the log is replayed: what was accepted once is decided as it was then.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tavola.actors.room.decide import decide
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Nothing, Room, Unchanged
from tavola.actors.room.view import hidden
from tavola.actors.wire.commands import (
    Act,
    Announce,
    AnyCommand,
    Chat,
    RequestJoin,
    Sender,
    Spectate,
    TakeSeat,
    UpdateSettings,
)
from tavola.actors.wire.messages import AnnouncementAt
from tavola.actors.wire.names import CODE_SIZE, visible
from tavola.actors.wire.refusals import BAD_NAME, BAD_ROOM_NAME, CODE_IS_SHORT, NO_ROOM
from tavola.games.base import Entropy, Refusal

Verdict = Decision | Unchanged | Refusal | Nothing
"""The outcome of a command."""


def trimmed(room: Room, sender: Sender, command: AnyCommand) -> AnyCommand:
    """A move with no other arguments than those that its game names for it; a seat by its number, if it was the one
    that is reserved for the sender."""
    if type(command) is TakeSeat and command.seat_index is None:
        return replace(command, seat_index=room.info.reservations.get(sender.user))
    if type(command) is not Act or not command.arguments:
        return command
    names = game_of(room).moves.get(command.move, ())
    for name in command.arguments:
        if name not in names:
            break
    else:
        return command
    return replace(command, arguments={name: command.arguments[name] for name in names if name in command.arguments})


def judged(room: Room, sender: Sender, command: AnyCommand, code: str, now: int, entropy: Entropy) -> Verdict:
    """The effect of a command that comes in now; `code` is the room's, if its sender named it."""
    if not sender.user:
        return decide(room, sender, command, now, entropy)
    if hidden(room, sender.user, code) and not sender.overrules:
        return NO_ROOM
    if type(command) is Act or type(command) is Chat or type(command) is Announce:
        verdict = decide(room, sender, command, now, entropy)
        if type(command) is Announce and command.fleeting and isinstance(verdict, Decision):
            return Unchanged(tell=AnnouncementAt(room.info.id, sender.name, command.text, command.data or {}))
        return verdict  # always news, if it is accepted
    if (refused := _refused(room, command)) is not None:
        return refused
    verdict = decide(room, sender, command, now, entropy)
    return Unchanged(verdict.give) if isinstance(verdict, Decision) and _stays(room, verdict) else verdict


def _refused(room: Room, command: AnyCommand) -> Refusal | None:
    """The refusal of a command that cannot be asked of any room, or not of this one."""
    match command:
        case RequestJoin() | TakeSeat() | Spectate():
            return None if command.display_name is None or visible(command.display_name) else BAD_NAME
        case UpdateSettings():
            return _unsettled(room, command.settings)
        case _:
            return None


def _unsettled(room: Room, settings: dict[str, Any]) -> Refusal | None:
    name = settings.get("name")
    if isinstance(name, str) and not visible(name):
        return BAD_ROOM_NAME
    hides = settings.get("visibility") == "private" and room.info.visibility == "public"
    return CODE_IS_SHORT if hides and len(room.info.code) < CODE_SIZE else None


def _stays(before: Room, decision: Decision) -> bool:
    """Whether nothing comes of it but the time at which it was asked."""
    if decision.grants or decision.rounds or decision.result is not None or decision.out:
        return False
    after = decision.room
    same = before.info == after.info and before.members == after.members
    return same and before.table == replace(after.table, at=before.table.at)
