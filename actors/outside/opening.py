"""Opening a room and listing the games, without a room being there yet. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from tavola.actors.room.decide import open_room
from tavola.actors.room.rows import dump
from tavola.actors.room.state import CommonSettings, Info
from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.names import visible
from tavola.actors.wire.refusals import BAD_ROOM_NAME
from tavola.games.base import Refusal
from tavola.games.registry import GAMES


class Opening(msgspec.Struct, frozen=True):
    """A new room's rows: settings, options (which are among them), state and checkpoint as JSON; `alarm_at` is when it
    closes if nobody comes, in ms."""

    game: str
    settings: str
    options: str
    max_players: int
    state: str
    checkpoint: str
    alarm_at: int | None


class Request(CommonSettings, frozen=True):
    """The room that a client wants, as they say it."""

    game: str
    name: str | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)


def open_rows(
    request: Request, room: RoomId, code: str, name: str, host: UserId, host_name: str, now: int, empty_ms: int = 0
) -> Opening | Refusal:
    """The rows of a new room, which closes after `empty_ms` (0 is never) if nobody comes and its settings do not say
    otherwise; refused for a game that there is not, or options that it will not have."""
    game = GAMES.get(request.game)
    if game is None:
        return Refusal("unknown_game", "There is no such game.", {"games": sorted(GAMES)})
    unknown = sorted(
        request.options.keys() - {field.encode_name for field in msgspec.structs.fields(game.options_type)}
    )
    if unknown:
        return Refusal("invalid_options", f"This game has no option {unknown[0]!r}.", {"unknown": unknown})
    if request.name and not visible(request.name):
        return BAD_ROOM_NAME
    try:
        options = msgspec.convert(request.options, game.options_type)
    except msgspec.ValidationError as error:
        return Refusal("invalid_options", f"{error}.")
    if (wrong := request.wrong()) is not None:
        return Refusal("invalid_options", wrong)
    info = Info(id=room, code=code, name=name, game=request.game, options=options, host=host, **request.settings())
    opened = open_room(info, host_name, now, empty_ms)
    return Opening(
        game=request.game,
        settings=msgspec.json.encode(info.stored_settings()).decode(),
        options=msgspec.json.encode(options).decode(),
        max_players=game.seats(options),
        state=msgspec.json.encode(opened.table).decode(),
        checkpoint=dump(opened),
        alarm_at=opened.table.closes_at,
    )


def games() -> list[dict[str, Any]]:
    """The games there are, each with the JSON Schema of its options."""
    return [
        {"game": game.kind, "title": game.title, "options": msgspec.json.schema(game.options_type)}
        for game in GAMES.values()
    ]
