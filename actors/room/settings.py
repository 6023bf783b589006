"""The settings that a host may change of a room that is there: its name, who may come in, the game's own options.
Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from tavola.actors.room.play import absorb, game_of
from tavola.actors.room.state import Decision, Info, Room, RoomEvent
from tavola.actors.wire.commands import Name, UpdateSettings
from tavola.actors.wire.events import SETTINGS_CHANGED
from tavola.actors.wire.names import clean
from tavola.actors.wire.refusals import HAND_IN_PROGRESS
from tavola.actors.wire.settings import CommonSettings
from tavola.games.base import Entropy, Refusal


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A setting that is left out stays as it is. `options` holds some of the game's own."""

    name: Name | None = None
    options: dict[str, Any] | None = None


Asked: Any = msgspec.defstruct(
    "Asked",
    [(setting.name, setting.type | None, None) for setting in msgspec.structs.fields(CommonSettings)],
    bases=(_Asked,),
    frozen=True,
    kw_only=True,
)
"""As `_Asked`, with every one of `CommonSettings`."""


def update_settings(room: Room, command: UpdateSettings, now: int, entropy: Entropy) -> Decision | Refusal:
    """Between hands. Nobody loses a seat by it."""
    game, table = game_of(room), room.table
    if not game.between_rounds(table.game):
        return HAND_IN_PROGRESS
    changed = asked_for(room, command)
    if isinstance(changed, Refusal):
        return changed
    outcome = game.change_options(table.game, room.info.options, changed.options)
    if isinstance(outcome, Refusal):
        return outcome
    event = RoomEvent(SETTINGS_CHANGED, {"settings": msgspec.to_builtins(msgspec.convert(command.settings, Asked))})
    return absorb(replace(room, info=changed), outcome, now, entropy, (event,))


def asked_for(room: Room, command: UpdateSettings) -> Info | Refusal:
    """The room as it would be."""
    game, info, table = game_of(room), room.info, room.table
    options = info.options
    try:
        asked: _Asked = msgspec.convert(command.settings, Asked)
        if asked.options is not None:
            unknown = sorted(asked.options.keys() - set(options.__struct_encode_fields__))
            if unknown:
                return Refusal("invalid_options", f"This game has no option {unknown[0]!r}.", {"unknown": unknown})
            options = msgspec.convert({**msgspec.to_builtins(options), **asked.options}, game.options_type)
    except msgspec.ValidationError as error:
        return Refusal("invalid_options", f"{error}.")
    name = clean(asked.name) if asked.name is not None else info.name
    if not name:
        return Refusal("invalid_options", "A name needs at least one visible character.")
    seats = game.seats(options)
    if any(index >= seats for index in info.reservations.values()):
        return Refusal("invalid_options", "A seat beyond that many is reserved.")
    beyond = [index for index in table.seats if index >= seats]
    if beyond:
        return Refusal("invalid_options", "Somebody sits beyond that many seats.", {"seat_index": max(beyond)})
    given = {name: value for name in CommonSettings.__struct_fields__ if (value := getattr(asked, name)) is not None}
    changed = replace(info, name=name, options=options, **given)
    if (wrong := changed.wrong()) is not None:
        return Refusal("invalid_options", wrong)
    return changed


def tidied(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that `asked_for` found good, as they are shown before they hold."""
    if "name" in settings:
        settings = {**settings, "name": clean(settings["name"])}
    return settings
