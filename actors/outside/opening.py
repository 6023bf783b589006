"""Opening a room that is not there yet. Pure."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from tavola.actors.room.decide import open_room
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Info
from tavola.actors.wire.commands import BOT, OPERATORS, SERVICE, RoomId, UserId
from tavola.actors.wire.errands import Opening
from tavola.actors.wire.names import visible
from tavola.actors.wire.refusals import BAD_ROOM_NAME
from tavola.actors.wire.settings import RoomWish
from tavola.games.base import Refusal, SeatIndex
from tavola.games.registry import GAMES


def open_rows(
    request: RoomWish, room: RoomId, code: str, name: str, host: UserId, host_name: str, now: int, empty_ms: int = 0
) -> Opening | Refusal:
    """The rows of a new room, which closes after `empty_ms` (0 is never) if nobody comes and its settings do not say
    otherwise; refused for a game that there is not, or options that it will not have."""
    game = GAMES.get(request.game)
    if game is None:
        return Refusal("unknown_game", "There is no such game.", {"games": sorted(GAMES)})
    unknown = sorted(request.options.keys() - set(game.options_type.__struct_encode_fields__))
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
    seats = game.seats(options)
    if (bad := _badly_reserved(request.reserved, seats)) is not None:
        return Refusal("invalid_options", bad)
    reserved = {UserId(user): SeatIndex(index) for user, index in request.reserved.items()}
    info = Info(
        id=room, code=code, name=name, game=request.game, options=options, host=host, reserved=reserved or UNSET,
        **request.settings(),
    )  # fmt: skip
    opened = open_room(info, host_name, now, empty_ms)
    return Opening(
        game=request.game,
        settings=msgspec.json.encode(info.stored_settings()).decode(),
        options=msgspec.json.encode(options).decode(),
        max_players=seats,
        state=msgspec.json.encode(opened.table).decode(),
        checkpoint=dump(opened),
        alarm_at=opened.table.closes_at,
        reserved=reserved,
    )


def _badly_reserved(reserved: dict[str, int], seats: int) -> str | None:
    """The fault in the seats that are to be reserved at a table of so many, if there is one."""
    if any(index >= seats for index in reserved.values()):
        return f"Seats are numbered 0 to {seats - 1}."
    if len(set(reserved.values())) < len(reserved):
        return "A seat can be reserved for one user only."
    if any(user.startswith((BOT, SERVICE, OPERATORS)) or not user.isprintable() for user in reserved):
        return "Seats are reserved for users, by their ids."
    return None
