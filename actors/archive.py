"""A room as it is kept: a checkpoint made of its rows, and a checkpoint shown to its host. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.commands import RoomId
from actors.load import Corrupted, restore, room_of
from actors.records import dump
from actors.state import SCHEMA
from actors.view import inside
from storage.postgres import Row


def kept(row: Row) -> str:
    """The checkpoint of the room in a row of `load_room`. Raises `Corrupted` rather than keep what cannot be read."""
    return dump(room_of(row))


def shown(room: RoomId, seq: int, text: str) -> dict[str, Any]:
    """What everybody at the table saw of the room in a checkpoint, and no secret of it. Raises `Corrupted`."""
    try:
        found = restore(text)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise Corrupted(room, seq, f"a checkpoint that cannot be read ({type(error).__name__})") from error
    if found.info.id != room:
        raise Corrupted(room, seq, "a checkpoint of another room")
    if found.table.v != SCHEMA:
        raise Corrupted(room, seq, f"schema {found.table.v}, and this is {SCHEMA}")
    try:
        return inside(found)
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise Corrupted(room, seq, f"a state that cannot be ({type(error).__name__})") from error
