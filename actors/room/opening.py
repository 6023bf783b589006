"""What is needed to open a room and to list the games, without a room being there yet. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from tavola.actors.room.decide import open_room
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Approval, Info, Visibility
from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.names import visible
from tavola.games.base import Refused
from tavola.games.registry import GAMES

CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_SIZE = 10
"""Letters in a room's code: fifty bits. Who knows a private room's code may come in; nobody guesses one."""


class Opening(msgspec.Struct, frozen=True):
    """A new room's rows: options, state and checkpoint as JSON."""

    game: str
    options: str
    max_players: int
    state: str
    checkpoint: str


class Request(msgspec.Struct, frozen=True):
    """What a client says of the room that he wants."""

    game: str
    name: str | None = None
    options: dict[str, Any] = {}
    visibility: Visibility = "public"
    approval: Approval = "host"
    max_spectators: int = 100


def open_rows(
    request: Request, room: RoomId, code: str, name: str, host: UserId, host_name: str, now: int
) -> Opening | Refused:
    """The rows of a new room; refused for a game that there is not, or options that it will not have."""
    game = GAMES.get(request.game)
    if game is None:
        return Refused("unknown_game", "There is no such game.", {"games": sorted(GAMES)})
    unknown = sorted(
        request.options.keys() - {field.encode_name for field in msgspec.structs.fields(game.options_type)}
    )
    if unknown:
        return Refused("invalid_options", f"This game has no option {unknown[0]!r}.", {"unknown": unknown})
    if request.name and not visible(request.name):
        return Refused("invalid_options", "A name needs at least one visible character, and no invisible ones.")
    try:
        options = msgspec.convert(request.options, game.options_type)
    except msgspec.ValidationError as error:
        return Refused("invalid_options", f"{error}.")
    if not 0 <= request.max_spectators <= 10_000:
        return Refused("invalid_options", "max_spectators is 0 to 10000.")
    info = Info(
        id=room,
        code=code,
        name=name,
        game=request.game,
        options=options,
        host=host,
        approval=request.approval,
        visibility=request.visibility,
        max_spectators=request.max_spectators,
    )
    opened = open_room(info, host_name, now)
    return Opening(
        game=request.game,
        options=msgspec.json.encode(options).decode(),
        max_players=game.seats(options),
        state=msgspec.json.encode(opened.table).decode(),
        checkpoint=dump(opened),
    )


def games() -> list[dict[str, Any]]:
    """The games there are, each with the JSON Schema of its options."""
    return [
        {"game": game.kind, "title": game.title, "options": msgspec.json.schema(game.options_type)}
        for game in GAMES.values()
    ]
