"""JSON Schema of what is no type of its own here: the events that a room tells, one a kind; those of its game, of which
only `kind` is known; what a move may have for an argument; and what stands beside a command."""

from __future__ import annotations

from typing import Any

from tavola.actors.wire.events import EVENTS, HOST_CHANGED

Schema = dict[str, Any]
ARGUMENT: Schema = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}},
            "required": ["min", "max"],
        },
        {"type": "object", "properties": {"choices": {"type": "array"}}, "required": ["choices"]},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "string"},
    ]
}
TRACEPARENT: Schema = {
    "type": "string",
    "description": "W3C Trace Context: the trace that the command is part of. No part of the command; one that is not"
    " as the standard has it is ignored.",
}
"""Every command may have it. It is read beside the command, not as a member of it: neither logged nor compared."""
NOTHING: Schema = {"type": "null"}
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer"}
_TRUTH: Schema = {"type": "boolean"}
FIELDS: dict[str, Schema] = {
    **dict.fromkeys(
        ("user_id", "display_name", "text", "reason", "service", "room_id", "id", "act", "by", "code", "offer"), _TEXT
    ),
    **dict.fromkeys(("seat_index", "number", "deadline_ms", "timebank_ms", "amount", "chips", "to", "voided"), _NUMBER),
    "ban": _TRUTH,
    "accept": _TRUTH,
    "settings": {"type": "object"},
    "data": {},
}
"""The type of each field of an event of the room's, whichever event it is. Empty: any."""
_NOBODY: Schema = {"anyOf": [_TEXT, NOTHING]}
"""Of `host_changed`, where nobody is left."""


def event_schemas(ref: str) -> dict[str, Schema]:
    """`Event` and what it may be; `ref` is how one type is named by another."""
    rooms = {_name(kind): _event(kind, spec.fields) for kind, spec in EVENTS.items()}
    game: Schema = {
        "title": "GameEvent",
        "description": "An event of the room's game, with fields of its own.",
        "type": "object",
        "properties": {"kind": {"type": "string", "not": {"enum": list(EVENTS)}}},
        "required": ["kind"],
        "additionalProperties": True,
    }
    room: Schema = {"title": "RoomEvent", "anyOf": [{"$ref": ref.format(name=name)} for name in rooms]}
    either: Schema = {
        "title": "Event",
        "anyOf": [{"$ref": ref.format(name=name)} for name in ("RoomEvent", "GameEvent")],
    }
    return {**rooms, "RoomEvent": room, "GameEvent": game, "Event": either}


def _name(kind: str) -> str:
    """`player_seated` → `PlayerSeatedEvent`."""
    return f"{kind.title().replace('_', '')}Event"


def _event(kind: str, told: tuple[str, ...]) -> Schema:
    fields = {name.removesuffix("?"): FIELDS.get(name.removesuffix("?"), {}) for name in told}
    if kind == HOST_CHANGED:
        fields["user_id"] = _NOBODY
    return {
        "title": _name(kind),
        "type": "object",
        "properties": {"kind": {"enum": [kind]}, **fields},
        "required": ["kind", *(name for name in told if not name.endswith("?"))],
    }
