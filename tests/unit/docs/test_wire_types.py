"""The client's types say what the server does: wire.d.ts has every code, event and field of a view."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tavola.actors.wire import events, view
from tavola.actors.wire.commands import STATUS

SOURCE = (Path(__file__).parents[3] / "edge" / "static" / "client" / "wire.d.ts").read_text()
TYPES = re.sub(r"/\*.*?\*/", "", SOURCE, flags=re.DOTALL)
NOT_FROM_COMMANDS = {"not_found", "unavailable"}
"""The code of a path that there is not, and the client's own for an answer that is not Tavola's."""
PARTS: dict[str, type[msgspec.Struct]] = {
    "interface View": view.ServedView,
    "room:": view.RoomPart,
    "me:": view.MePart,
    "game?:": view.GamePart,
    "interface Seat": view.SeatPart,
    "turn?:": view.TurnPart,
    "interface Legal": view.LegalMove,
    "pending_requests?:": view.PendingRequest,
    "host_controls?:": view.HostControls,
    "recent:": view.RecentUpdate,
}
"""Where wire.d.ts says what each of the view's parts has."""
CLIENTS_OWN = {"stale"}
"""A frame leaves it out where a served view says false, so it may be absent from what the client gives."""


def union(name: str) -> set[str]:
    """The words of a type that is one of several."""
    found = re.search(rf"type {name} =([^;]*);", TYPES)
    assert found is not None
    return set(re.findall(r'"(\w+)"', found[1]))


def fields(part: str) -> dict[str, bool]:
    """The names in the braces after `part`, and whether each may be absent."""
    found: dict[str, bool] = {}
    depth = 1
    for token in re.finditer(r"[{}]|(?<!\[)\b(\w+)(\??):", TYPES.partition(f" {part} {{")[2]):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            break
        if depth == 1 and token[1]:
            found[token[1]] = bool(token[2])
    return found


def test_every_code_of_a_refusal_is_typed() -> None:
    assert union("RefusalCode") == STATUS.keys() | NOT_FROM_COMMANDS


def test_every_kind_of_event_is_typed() -> None:
    assert union("RoomEventKind") == set(events.EVENTS)


@pytest.mark.parametrize("part", PARTS)
def test_every_field_of_a_view_is_typed(part: str) -> None:
    said = {field.encode_name: not field.required for field in msgspec.structs.fields(PARTS[part])}
    typed = fields(part)
    assert typed.keys() == said.keys()
    assert {name for name in said.keys() - CLIENTS_OWN if typed[name] != said[name]} == set()


@pytest.mark.parametrize(("name", "values"), [("Role", view.Role), ("Status", view.Attendance)])
def test_every_word_of_a_view_is_typed(name: str, values: Any) -> None:
    assert union(name) == set(get_args(values))
