"""docs/reference/protocol.md has all that the code says on the wire: every code, event, command, frame and close."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from kit.rooms import ROOM, Live, info
from tavola.actors.room.view import whole
from tavola.actors.wire import events
from tavola.actors.wire.commands import CLIENT_COMMANDS, STATUS, RequestJoin, UserId
from tavola.edge.ws.protocol import ClientFrame, Welcome
from tavola.games import events as game_events
from tavola.games import tictactoe
from tavola.games.auction import events as auction_events
from tavola.games.chess import events as chess_events
from tavola.games.events import EventKind, EventSpec
from tavola.games.hearts import events as hearts_events
from tavola.games.holdem import events as holdem_events

FOLDER = Path(__file__).parents[3]
TEXT = (FOLDER / "docs" / "reference" / "protocol.md").read_text()
SECTIONS = re.split(r"^## ", TEXT, flags=re.MULTILINE)
NAMES = set(re.findall(r"`([a-z_.]+)\??`", TEXT))
REFUSING, TELLING = {"Refusal"}, {"Event", "RoomEvent", "_about"}
TABLES = {
    "actors": events.EVENTS,
    "holdem": holdem_events.EVENTS,
    "tictactoe": tictactoe.EVENTS,
    "auction": auction_events.EVENTS,
    "hearts": hearts_events.EVENTS,
    "chess": chess_events.EVENTS,
}
"""Every kind of event, by its teller."""
STORY = (FOLDER / "edge" / "static" / "app" / "story.js").read_text()
PAGES = "".join(path.read_text() for path in (FOLDER / "games").glob("*/page/tell.js"))
OF_PATHS = "not_found"
"""The code of a path that there is not: no command's, so not in `STATUS`."""


def said(folders: tuple[str, ...], calls: set[str]) -> dict[str, str]:
    """The first arguments in calls of one of these, each with a file that has it."""
    found = {}
    for path in (path for folder in folders for path in (FOLDER / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in calls and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found[first.value] = path.name
    return found


def closes() -> Iterator[int]:
    """The codes with which a socket is closed, at once or by a call that is put off."""
    for path in (FOLDER / "edge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            if "close" in (getattr(each, "attr", "") for each in (node.func, *node.args)):
                values = (each.value for each in node.args if isinstance(each, ast.Constant))
                yield from (value for value in values if type(value) is int)


def test_every_code_stands_at_its_status() -> None:
    table = next(section for section in SECTIONS if section.startswith("5. Refusals"))
    rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", table, re.MULTILINE)
    told = {code: int(status) for status, codes in rows for code in re.findall(r"`([a-z_]+)`", codes) if code in STATUS}
    assert told == STATUS


def test_no_code_is_said_that_is_none() -> None:
    codes = said(("actors", "games", "edge"), REFUSING)
    assert {"stale_turn", "illegal_move", "rate_limited", "id_reused"} <= codes.keys(), "they are found"
    assert {code: file for code, file in codes.items() if code not in STATUS} == {}
    assert OF_PATHS in NAMES


def rows() -> list[tuple[EventKind, EventSpec]]:
    return [row for table in TABLES.values() for row in table.items()]


def test_no_event_is_told_by_an_open_string() -> None:
    assert said(("actors", "games"), TELLING) == {}
    kinds = {kind for kind, _ in rows()}
    named = set().union(*map(_kinds_named, (events, holdem_events, auction_events, hearts_events, game_events)))
    assert kinds == named
    assert {"player_leaving", "chips_adjusted", "game_started", "chat"} <= kinds


def test_every_event_is_told_of_in_its_section() -> None:
    """By its name, and each of its fields, somewhere in it."""
    for kind, spec in rows():
        section = next(each for each in SECTIONS if each.startswith(f"{spec.section}. "))
        assert f"`{kind}`" in section
        fields = {name.removesuffix("?") for name in (*spec.fields, *spec.private)}
        assert {name for name in fields if not re.search(rf"`{name}\??`", section)} == set(), kind


def test_no_event_is_told_of_that_is_none() -> None:
    table = TEXT.partition("| event `kind` |")[2].partition("\n\n")[0]
    told = {kind for row in table.splitlines()[2:] for kind in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told == {kind for kind, spec in rows() if spec.section == 2}


def test_the_pages_show_what_the_table_says() -> None:
    history, _, chat = STORY.partition("export function talk")
    tell = history[history.index("function told") : history.index("export function rounds")]
    assert set(re.findall(r'case "(\w+)":', tell + PAGES)) == {kind for kind, spec in rows() if spec.shown == "history"}
    assert set(re.findall(r'kind === "(\w+)"', chat)) == {kind for kind, spec in rows() if spec.shown == "chat"}


@pytest.mark.parametrize("kind", get_args(ClientFrame), ids=lambda kind: str(kind.__struct_config__.tag))
def test_every_frame_of_a_client_has_its_row(kind: type[msgspec.Struct]) -> None:
    tag = kind.__struct_config__.tag
    row = next(line for line in TEXT.splitlines() if line.startswith("|") and f"`{tag}`" in line.split("|")[1])
    own = [field for field in msgspec.structs.fields(kind) if field.name not in ("id", "room", "arguments")]
    if kind not in CLIENT_COMMANDS:
        own += [field for field in msgspec.structs.fields(kind) if field.name == "room"]
    asked = {field.encode_name for field in own}
    assert asked <= set(re.findall(r"`([a-z_]+)\??`", row))


def test_every_frame_of_the_server_is_told_of() -> None:
    source = "".join((FOLDER / "edge" / "ws" / name).read_text() for name in ("protocol.py", "frames.py"))
    tags = set(re.findall(r'(?:tag=|type=|"type": |"type":)"([a-z_]+)"', source))
    assert {"authenticated", "hydrated", "ack", "error", "closing"} <= tags
    assert tags <= NAMES
    assert {field.name for field in msgspec.structs.fields(Welcome)} <= NAMES


def test_every_close_is_told_of() -> None:
    codes = set(closes())
    assert {1012, 4400, 4429, 4503} <= codes
    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE) for code in row.split(",")}
    assert codes <= told


@pytest.mark.parametrize("game", ["holdem", "tictactoe", "auction", "hearts"])
def test_every_field_of_a_view_is_told_of(game: str) -> None:
    """Of a room in which two play, or three, and somebody has asked to be let in."""
    live = Live(info(game))
    live.sit("host", 0)
    live.sit("ann", 1)
    if game in ("auction", "hearts"):
        live.sit("bob", 2)
    if game == "hearts":
        live.sit("eve", 3)
    live.wake()
    assert live.to_act() is not None
    live.room = replace(live.room, info=replace(live.room.info, approval="host"))
    live.send("guest", RequestJoin(id="in", room=ROOM, display_name="Guest"))
    told = set(re.findall(r"[a-z_]+", next(section for section in SECTIONS if section.startswith("4. The view"))))
    users = {"host", "ann", "bob", "eve", "guest"}
    keys = set().union(*(_keys(whole(live.room, UserId(user))) for user in users)) - users
    assert {"request", "pending_requests", "turn", "legal", "host_controls"} <= keys
    assert keys - set(live.room.info.options.__struct_fields__) <= told


def _kinds_named(module: ModuleType) -> set[str]:
    """The names on the wire of the module's own constants of kinds."""
    tree = ast.parse(Path(module.__file__ or "").read_text())
    calls = (node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call))
    return {ast.literal_eval(call.args[0]) for call in calls if getattr(call.func, "id", "") == "EventKind"}


def _keys(value: object) -> set[str]:
    match value:
        case dict():
            return {key for key in value if not key.isdigit()}.union(*map(_keys, value.values()))
        case list():
            return set().union(*map(_keys, value))
        case _:
            return set()
