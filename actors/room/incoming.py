"""What becomes of a client's command before and after it is decided. Pure.

None of this is asked again when the log is replayed: what was accepted once is decided as it was then.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tavola.actors.room.decide import decide
from tavola.actors.room.opening import CODE_SIZE
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Nothing, Room, Unchanged
from tavola.actors.room.view import hidden
from tavola.actors.wire.commands import Act, AnyCommand, Chat, RequestJoin, Sender, Spectate, TakeSeat, UpdateSettings
from tavola.actors.wire.names import visible
from tavola.games.base import Entropy, Refused

NO_ROOM = Refused("room_not_found", "There is no such room.")
BAD_NAME = Refused("invalid_message", "A name needs at least one visible character, and no invisible ones.")
CODE_IS_SHORT = Refused(
    "invalid_options", "This room's code is too short to hide behind; open another room, which is private."
)


Verdict = Decision | Unchanged | Refused | Nothing
"""What a command comes to."""


def trimmed(room: Room, command: AnyCommand) -> AnyCommand:
    """A move with no other arguments than those that its game names for it."""
    if type(command) is not Act or not command.arguments:
        return command
    names = game_of(room).moves.get(command.move, ())
    if set(names).issuperset(command.arguments):
        return command
    return replace(command, arguments={name: command.arguments[name] for name in names if name in command.arguments})


def judged(room: Room, sender: Sender, command: AnyCommand, code: str, now: int, entropy: Entropy) -> Verdict:
    """What a command that comes in now does; `code` is the room's, if its sender named it."""
    if not sender.user:
        return decide(room, sender, command, now, entropy)
    if hidden(room, sender.user, code):
        return NO_ROOM
    if type(command) is Act or type(command) is Chat:
        return decide(room, sender, command, now, entropy)  # always news, if it is accepted
    if (refused := _refused(room, command)) is not None:
        return refused
    verdict = decide(room, sender, command, now, entropy)
    return Unchanged(verdict.give) if isinstance(verdict, Decision) and _stays(room, verdict) else verdict


def _refused(room: Room, command: AnyCommand) -> Refused | None:
    """What cannot be asked of any room, or not of this one."""
    match command:
        case RequestJoin() | TakeSeat() | Spectate():
            return None if command.display_name is None or visible(command.display_name) else BAD_NAME
        case UpdateSettings():
            return _unsettled(room, command.settings)
        case _:
            return None


def _unsettled(room: Room, settings: dict[str, Any]) -> Refused | None:
    name = settings.get("name")
    if isinstance(name, str) and not visible(name):
        return Refused("invalid_options", BAD_NAME.message)
    hides = settings.get("visibility") == "private" and room.info.visibility == "public"
    return CODE_IS_SHORT if hides and len(room.info.code) < CODE_SIZE else None


def _stays(before: Room, decision: Decision) -> bool:
    """Whether nothing comes of it but the time at which it was asked."""
    if decision.grants or decision.rounds or decision.result is not None or decision.out:
        return False
    after = decision.room
    same = before.info == after.info and before.members == after.members
    return same and before.table == replace(after.table, at=before.table.at)
