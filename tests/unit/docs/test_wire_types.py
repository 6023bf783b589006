"""The wire's types, for TypeScript and for Python, are what its schema says; and so is what rooms tell."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import msgspec
import pytest

from kit.rooms import ROOM, Live, info
from tavola.actors.wire.commands import Act, Chat, Leave, Pause, Resume, SitOut, UserId
from tavola.actors.wire.events import EVENTS
from tavola.client import wire
from tavola.edge.ws import asyncapi, frames
from tavola.edge.ws.event_schemas import FIELDS

FOLDER = Path(__file__).parents[3]
SPECIFICATION = FOLDER / "tests/javascript/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("clients_generate", FOLDER / "clients" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


GENERATE = _script()


def valid(name: str, value: Any) -> None:
    """Raises where the value is not of the type of that name."""
    jsonschema.Draft202012Validator({**frames.document(), "anyOf": [{"$ref": f"#/$defs/{name}"}]}).validate(value)


@pytest.mark.parametrize("path", GENERATE.MADE, ids=lambda path: path.name)
def test_they_are_made_of_the_schema(path: Path) -> None:
    assert path.read_text() == GENERATE.MADE[path](), "make types"


def test_every_field_of_a_rooms_event_has_a_type() -> None:
    told = {name.removesuffix("?") for spec in EVENTS.values() for name in spec.fields}
    assert told == FIELDS.keys(), "edge/ws/event_schemas.py"


@pytest.mark.parametrize("game", ["holdem", "tictactoe"])
def test_a_room_tells_what_the_schema_says(game: str) -> None:
    """Everything that four viewers are told of a game, and what each would be given whole."""
    users = ("host", "ann", "ben", "out")
    live = Live(info(game), users)
    live.sit("host", 0)
    live.sit("ann", 1)
    live.join("ben")
    live.send("ann", Chat(id=live.id(), room=ROOM, text="hello"))
    live.send("host", Pause(id=live.id(), room=ROOM))
    live.send("host", Resume(id=live.id(), room=ROOM))
    live.wake()
    for _ in range(12):
        acting = live.to_act()
        if acting is None:
            live.wake()
            continue
        moves = live.viewers[acting].view["me"]["legal"]
        wanted = next((each for each in moves if each["move"] in ("check", "call", "mark")), moves[0])
        arguments = {name: each["choices"][0] for name, each in wanted.items() if isinstance(each, dict)}
        live.send(acting, Act(id=live.id(), room=ROOM, move=wanted["move"], arguments=arguments))
    live.send("ann", SitOut(id=live.id(), room=ROOM))
    live.send("ann", Leave(id=live.id(), room=ROOM))
    told = [msgspec.json.decode(each) for user in users for each in live.viewers[UserId(user)].frames]
    kinds = {event["kind"] for each in told for event in each["events"]}
    assert {"player_seated", "turn_started", "chat", "room_paused", "player_action", "player_approved"} <= kinds
    for each in told:
        valid("UpdateFrame", each)
    for user in users:
        view = {**live.viewers[UserId(user)].fresh(live.room), "seq": 1, "epoch": 1, "at": 1, "stale": False}
        recent = [{key: each[key] for key in ("seq", "epoch", "at", "events")} for each in told[-5:]]
        valid("ServedView", {**view, "recent": recent})
        valid("HydratedFrame", {"type": "hydrated", "room": ROOM, "seq": 1, "epoch": 1, "at": 1, "view": {
            **view, "recent": recent}})  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ErrorFrame", {"type": "error", "code": "no_such_code", "message": ""}),
        ("AckFrame", {"type": "ack", "id": "x", "room": "r", "seq": 1, "seat_index": None}),
        ("ChatEvent", {"kind": "chat", "user_id": "u", "display_name": "U"}),
        ("GameEvent", {"kind": "chat"}),
        ("LegalMove", {"move": "raise", "amount": {"least": 1}}),
        ("UpdatesFrame", {"type": "updates", "room": "r", "updates": [{"seq": 1}]}),
    ],
)
def test_the_schema_is_exact(name: str, value: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        valid(name, value)


def test_a_type_checker_knows_the_frames() -> None:
    """mypy reads this; at run time it is a dictionary."""
    update: wire.Update = {"type": "update", "room": "r", "seq": 1, "epoch": 1, "at": 1, "events": []}
    valid("UpdateFrame", update)


def test_the_sockets_document_has_every_frame_in_its_direction() -> None:
    document = asyncapi.document()
    for operation, union in (("clientSends", "ClientFrame"), ("serverSends", "ServerFrame")):
        named = {each["$ref"].rpartition("/")[2] for each in document["operations"][operation]["messages"]}
        assert named == {each["$ref"].rpartition("/")[2] for each in frames.document()["$defs"][union]["anyOf"]}
        assert named <= document["channels"]["socket"]["messages"].keys() & document["components"]["messages"].keys()


def test_no_reference_of_the_sockets_document_leads_nowhere() -> None:
    document = asyncapi.document()
    found = set(_references(document))
    assert len(found) > 50
    for reference in found:
        there: Any = document
        for part in reference.removeprefix("#/").split("/"):
            there = there[part]


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="`make check` with npm installs AsyncAPI's schema")
def test_the_sockets_document_is_asyncapi() -> None:
    schema = msgspec.json.decode(SPECIFICATION.read_bytes())
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(asyncapi.document())
    assert not validator.is_valid({**asyncapi.document(), "operations": {"x": {"action": "hear"}}})


def _references(value: Any) -> list[str]:
    match value:
        case {"$ref": str(reference)}:
            return [reference]
        case dict():
            return [each for part in value.values() for each in _references(part)]
        case list():
            return [each for part in value for each in _references(part)]
        case _:
            return []
