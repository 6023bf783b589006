"""An operator takes a room back, or makes another of its past: `tavola room rollback` and `tavola room fork`. The
past is replayed here; the change is made in the place of the room's actor.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tavola.actors.errands.doing import here
from tavola.actors.host.stand_in import StandIn
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.past import archive
from tavola.actors.room import codec
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import AnyCommand, Fork, RollBack, RoomId, UserId
from tavola.actors.wire.errands import Playable
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.config.clock import now_ms
from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby, iso
from tavola.edge.rest.rewind import Rewind
from tavola.games.stakes import chips_in
from tavola.storage.fingerprint import admit
from tavola.storage.postgres import Database


class WayBack(NamedTuple):
    """The room as it is, as it was at `to`, and what may be made of that."""

    now: Room
    then: Room
    seq: int
    to: int
    found: Playable

    def lines(self) -> Iterator[str]:
        """The difference, for people."""
        room = self.now
        yield f"{room.info.id}, {room.info.name}: from {self.seq} back to {self.to}, of {iso(self.then.table.at)}"
        if self.found.voided is not None:
            yield f"Hand {self.found.voided} ran then: it is called off, all have what they had when it began."
        back = codec.restore(self.found.kept)
        for index in sorted(room.table.seats.keys() | back.table.seats.keys()):
            yield f"  seat {index}: {_sitting(room, index)} -> {_sitting(back, index, room)}"


def _sitting(room: Room, index: int, now: Room | None = None) -> str:
    """The name of who sits there, and their chips; in a past room, whether they are admitted `now`."""
    seat = next((seat for at, seat in room.table.seats.items() if at == index), None)
    if seat is None:
        return "empty"
    if now is not None and not now.admitted(seat.user):
        return "empty (its player has left)"
    member = room.members.get(seat.user)
    chips = chips_in(game_of(room), room.table.game, next(at for at in room.table.seats if at == index))
    return f"{member.name if member is not None else seat.user}{f', {chips} chips' if chips else ''}"


async def planned(database: Database, room: RoomId, seq: int, to: int) -> WayBack:
    """Raises `Failure`."""
    if to > seq:
        raise Failure(f"{room} is at {seq}, and never was at {to}")
    row = await database.row("load_room", rooms=[room])
    if row is None:
        raise Failure(f"there is no room {room!r}")
    try:
        now = codec.room_of(row)
        kept = await Rewind(database, here, None).room_at(room, to)
        then = kept if isinstance(kept, Refusal) else archive.opened(room, to, kept)
        found = then if isinstance(then, Refusal) else archive.playable(then, to)
    except Corrupted as error:
        raise Failure(f"{error}; nothing was changed") from error
    if isinstance(then, Refusal) or isinstance(found, Refusal):
        raise _failed(room, found)
    return WayBack(now, then, row["seq"], to, found)


async def carried_out(database: Database, settings: Settings, plan: WayBack, reason: str | None) -> int:
    """The seq of the update by which the room went back. Raises `Failure`."""
    room, found = plan.now.info.id, plan.found
    back = RollBack(id=_id(), room=room, to=plan.to, kept=found.kept, voided=found.voided, reason=reason)
    return await _in_place(database, settings, back)


async def forked(database: Database, settings: Settings, plan: WayBack, host: str | None) -> RoomSummary:
    """A room that begins as the other one was. Raises `Failure`."""
    info, found = plan.now.info, plan.found
    user = host or info.host
    if not user:
        raise Failure(f"{info.id} has no host; name one for the new room by --host USER")
    named = plan.now.members.get(UserId(user)) or plan.then.members.get(UserId(user))
    options = msgspec.to_builtins(codec.restore(found.kept).info.options)
    request = RoomWish(
        game=info.game,
        name=f"{info.name[:30]} at {plan.to}",
        options=options,
        visibility="private",
        max_spectators=info.max_spectators,
    )
    made = await Lobby(database, here).open(
        request, Identity(UserId(user), named.name if named else user[:50], 0), None
    )
    if isinstance(made, Refusal):
        raise _failed(info.id, made)
    fork = Fork(id=_id(), room=made.id, origin=info.id, to=plan.to, kept=found.kept, voided=found.voided)
    await _in_place(database, settings, fork)
    return made


async def _in_place(database: Database, settings: Settings, command: AnyCommand) -> int:
    signer = GrantSigner(*(await admit(database, settings.secrets)).secrets.all)
    update = await StandIn(database, signer, now_ms).carry_out(command)
    if isinstance(update, Refusal):
        raise _failed(command.room, update)
    return update.seq


def _id() -> str:
    return f"operator.{secrets.token_hex(8)}"


def _failed(room: str, refusal: Refusal | Playable | Room) -> Failure:
    assert isinstance(refusal, Refusal)
    return Failure(f"{room}: {refusal.message} ({refusal.code})")
