"""The published document of the socket (AsyncAPI 3.0), made of the types that decode and encode its frames."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from tavola.edge.ws.frames import definitions
from tavola.edge.ws.protocol import SUBPROTOCOL

Schema = dict[str, Any]

_SCHEMA = "#/components/schemas/{name}"
_MESSAGE = "#/components/messages/{name}"
_CHANNEL = "#/channels/socket"


def document() -> Schema:
    """One channel, the socket. As AsyncAPI has it, the server receives what clients send."""
    schemas = definitions(_SCHEMA)
    sent, told = (_members(schemas[name]) for name in ("ClientFrame", "ServerFrame"))
    for union in ("ClientFrame", "ServerFrame"):
        schemas[union]["discriminator"] = "type"  # as AsyncAPI has it; it names no mapping
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tavola",
            "version": version("tavola"),
            "description": "Rooms, seats and moves by WebSocket. The same commands are to be had by REST"
            " (`/api/openapi.json`). Every refusal has a stable code.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/ws",
                "title": "The socket",
                "description": f"Sub-protocol `{SUBPROTOCOL}`. The first frame is `authenticate`. A command is answered"
                " by `ack` or `error` with its `id`; who follows a room is sent its updates.",
                "messages": {name: {"$ref": _MESSAGE.format(name=name)} for name in (*sent, *told)},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "clientSends": _operation("receive", "Frames from a client", sent),
            "serverSends": _operation("send", "Frames from the server", told),
        },
        "components": {
            "messages": {name: _message(name, schemas[name]) for name in (*sent, *told)},
            "schemas": schemas,
        },
    }


def _members(union: Schema) -> list[str]:
    return [option["$ref"].rpartition("/")[2] for option in union["anyOf"]]


def _operation(action: str, title: str, names: list[str]) -> Schema:
    return {
        "action": action,
        "title": title,
        "channel": {"$ref": _CHANNEL},
        "messages": [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in names],
    }


def _message(name: str, schema: Schema) -> Schema:
    [tag] = schema["properties"]["type"]["enum"]
    said = {"summary": schema["description"]} if "description" in schema else {}
    return {"name": tag, "title": name, **said, "payload": {"$ref": _SCHEMA.format(name=name)}}
