"""What a host may change of a room that is there: its name, who may come in, the game's own options. Pure."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from tavola.actors.room.hosting import HAND_IN_PROGRESS
from tavola.actors.room.play import absorb, game_of
from tavola.actors.room.state import Approval, Decision, Room, RoomEvent, Visibility
from tavola.actors.wire.commands import UpdateSettings
from tavola.actors.wire.events import SETTINGS_CHANGED
from tavola.actors.wire.names import clean
from tavola.games.base import Entropy, Refused

MaxSpectators = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class RoomSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is left out stays as it is. `options` holds some of the game's own."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)] | None = None
    approval: Approval | None = None
    visibility: Visibility | None = None
    max_spectators: MaxSpectators | None = None
    options: dict[str, Any] | None = None


def update_settings(room: Room, command: UpdateSettings, now: int, entropy: Entropy) -> Decision | Refused:
    """Between hands. Nobody loses a seat by it."""
    game, info, table = game_of(room), room.info, room.table
    if not game.between_rounds(table.game):
        return HAND_IN_PROGRESS
    options = info.options
    try:
        asked = msgspec.convert(command.settings, RoomSettings)
        if asked.options is not None:
            unknown = sorted(asked.options.keys() - {field.encode_name for field in msgspec.structs.fields(options)})
            if unknown:
                return Refused("invalid_options", f"This game has no option {unknown[0]!r}.", {"unknown": unknown})
            options = msgspec.convert({**msgspec.to_builtins(options), **asked.options}, game.options_type)
    except msgspec.ValidationError as error:
        return Refused("invalid_options", f"{error}.")
    name = clean(asked.name) if asked.name is not None else info.name
    if not name:
        return Refused("invalid_options", "A name needs at least one visible character.")
    seats = game.seats(options)
    beyond = [index for index in table.seats if index >= seats]
    if beyond:
        return Refused("invalid_options", "Somebody sits beyond that many seats.", {"seat_index": max(beyond)})
    outcome = game.change_options(table.game, info.options, options)
    if isinstance(outcome, Refused):
        return outcome
    changed = replace(
        info,
        name=name,
        approval=asked.approval or info.approval,
        visibility=asked.visibility or info.visibility,
        max_spectators=info.max_spectators if asked.max_spectators is None else asked.max_spectators,
        options=options,
    )
    event = RoomEvent(SETTINGS_CHANGED, {"settings": msgspec.to_builtins(asked)})
    return absorb(replace(room, info=changed), outcome, now, entropy, (event,))
