"""Both doors carry every command: the list of commands against the list of endpoints."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from starlette.requests import Request

from tavola.actors.wire.commands import CLIENT_COMMANDS, STATUS
from tavola.actors.wire.messages import Refusal
from tavola.edge.rest import rooms_api
from tavola.edge.rest.rest import Endpoint, read
from tavola.edge.rest.rooms_api import ROOM, WAYS, body_of
from tavola.edge.ws import frames, protocol

COMMANDS = tuple(CLIENT_COMMANDS)


def endpoints() -> list[Endpoint]:
    return rooms_api.endpoints(None)  # type: ignore[arg-type]


def test_every_command_has_a_way_of_its_own() -> None:
    ways = [(endpoint.method, endpoint.path) for endpoint in endpoints()]
    assert len(set(ways)) == len(ways) == len(COMMANDS)
    assert WAYS.keys() <= set(COMMANDS), "no way leads to what is no command"
    for way in (
        *(
            ("POST", path)
            for path in ("pause", "resume", "kick", "chips", "settings", "host", "start", "leave", "close")
        ),
        *(("POST", path) for path in ("join", "approve", "reject", "seat", "spectate", "actions")),
        *(("POST", path) for path in ("sit_out", "sit_in", "rebuy", "chat")),
        *(("DELETE", path) for path in ("seat", "spectate")),
    ):
        assert (way[0], f"{ROOM}/{way[1]}") in ways


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: str(kind.__name__))
def test_a_body_has_a_commands_own_fields(kind: Any) -> None:
    own = {field.name for field in msgspec.structs.fields(kind)} - {"id", "room", "arguments"}
    body = set(body_of(kind).__struct_fields__)
    assert body - {"approved"} == own
    sent = {field.name for field in msgspec.structs.fields(kind) if field.required} - {"id", "room"}
    assert sent <= own
    assert kind in get_args(protocol.ClientFrame), "and it is a frame as well"


def test_refusals_have_a_status() -> None:
    for endpoint in endpoints():
        assert set(endpoint.refusals) <= STATUS.keys()
        assert {"not_host"} & set(endpoint.refusals) or endpoint.path.rpartition("/")[2] not in (
            "kick",
            "close",
            "host",
        )


@pytest.mark.parametrize("nest", [b"[%b]", b'{"a":%b}'])
async def test_a_body_is_nested_no_deeper_than_any_actor_can_read(nest: bytes) -> None:
    value = b"1"
    for _ in range(protocol.NESTED_LIMIT):
        value = nest % value
    shallow, deep = [await read(sent(b'{"options":{"a":%b}}' % each)) for each in (value, nest % value)]
    assert isinstance(shallow, dict)
    assert isinstance(deep, Refusal)
    assert deep.code == "invalid_message"


def sent(body: bytes) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    return Request({"type": "http"}, receive)


def test_frames_of_both_directions_are_published() -> None:
    document = frames.document()
    for direction, union in (("ClientFrame", protocol.ClientFrame), ("ServerFrame", frames.ServerFrame)):
        names = {reference["$ref"].rpartition("/")[2] for reference in document["$defs"][direction]["anyOf"]}
        assert names == {kind.__name__ for kind in get_args(union)}
