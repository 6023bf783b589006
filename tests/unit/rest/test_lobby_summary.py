"""The lobby's line and a view's `room` have one description, and say the same of one room."""

from __future__ import annotations

from typing import Any

import msgspec

from kit.rooms import HOST, START_MS, info
from tavola.actors.room.decide import open_room
from tavola.actors.room.view import summary
from tavola.actors.wire.commands import UserId
from tavola.actors.wire.view import RoomPart
from tavola.edge.rest.lobby import summary_of
from tavola.games.base import SeatIndex

KEPT = {UserId("ann"): SeatIndex(1)}
ROOM = open_room(info("tictactoe", visibility="private", max_spectators=7, reserved=KEPT), "Host", START_MS)


def row(without: str | None = None) -> dict[str, Any]:
    """The room's row, as `room_summary` and `lobby` give it; stored before the setting `without` was there."""
    about = ROOM.info
    stored = {name: value for name, value in about.stored_settings().items() if name != without}
    return {
        "id": about.id,
        "code": about.code,
        "game": about.game,
        "settings": msgspec.json.encode(stored).decode(),
        "status": about.status,
        "host_id": HOST,
        "players": 0,
        "max_players": 2,
        "spectators": 3,
        "present": 1,
        "created_at": START_MS,
        "active_at": START_MS,
        "reserved": [1],
    }


def test_the_lobby_and_a_view_say_the_same() -> None:
    line = summary_of(row())
    assert msgspec.convert(summary(ROOM), RoomPart) == msgspec.convert(msgspec.to_builtins(line), RoomPart)
    assert (line.spectators, line.created_at) == (3, "2025-10-09T08:53:20.000Z")


def test_a_room_of_before_a_setting_shows_its_default() -> None:
    assert summary_of(row()).max_spectators == 7
    assert summary_of(row(without="max_spectators")).max_spectators == 100
