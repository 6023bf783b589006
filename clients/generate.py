"""The wire's types for those who write clients, in TypeScript and in Python, made of its JSON Schema: `make types`.

`edge/static/client/wire.d.ts` stands in `tavola.d.ts`, `clients/python/tavola_client/wire.py` goes with the Python
client. tests/unit/docs/test_wire_types.py compares what this makes with what is committed.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tavola.edge.ws.frames import definitions

ROOT = Path(__file__).parents[1]
REF = "#/{name}"
NAMES = {
    "ServedView": "View", "SeatPart": "Seat", "LegalMove": "Legal", "TurnPart": "Turn", "GamePart": "GameView",
    "MePart": "Me", "RoomPart": "RoomInfo", "UpdateFrame": "Update", "AckFrame": "Ack", "Welcome": "AuthenticatedFrame",
}  # fmt: skip
"""Types that clients know by another name than the server."""
NOT_FROM_COMMANDS = ("not_found", "unavailable")
"""Codes beside those of the schema: of a path that there is not, and the client's own for what is no answer of
Tavola's."""
CLIENTS_OWN = ("stale",)
"""A frame leaves it out where a served view says false, so it may be absent from what a client gives."""

Schema = dict[str, Any]


def types() -> dict[str, Schema]:
    """Every type by the name that clients know, and enumerations that have a name."""
    found = {NAMES.get(name, name): schema for name, schema in definitions(REF).items()}
    found["View"]["required"] = [name for name in found["View"]["required"] if name not in CLIENTS_OWN]
    codes = found["ErrorFrame"]["properties"]["code"]["enum"]
    named = {
        "RefusalCode": {
            "description": "Every refusal's code: docs/reference/protocol.md section 5, `not_found` for a path that "
            "there is not, and `unavailable` for an answer that is not Tavola's.",
            "enum": [*codes, *NOT_FROM_COMMANDS],
        },
        "Role": found["Me"]["properties"]["role"],
        "Status": found["Seat"]["properties"]["status"],
        "RoomEventKind": {
            "description": "The events that a room tells by itself. Each game adds kinds of its own.",
            "enum": found["GameEvent"]["properties"]["kind"]["not"]["enum"],
        },
    }
    found["ErrorFrame"]["properties"]["code"] = {"$ref": "#/RefusalCode"}
    found["Me"]["properties"]["role"] = found["AuthenticatedFrame"]["properties"]["role"] = {"$ref": "#/Role"}
    found["Seat"]["properties"]["status"] = {"$ref": "#/Status"}
    return {**named, **found}


def _named(schema: Schema) -> str | None:
    """The type that it names, if it does nothing else."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return NAMES.get(name, name) or None


def _literal(values: list[Any]) -> list[str]:
    return [json.dumps(value) for value in values]


# TypeScript


def typescript() -> str:
    """The file wire.d.ts."""
    head = """/**
 * The messages on the wire, as docs/reference/protocol.md says. Made by clients/generate.py of `/api/frames.json`;
 * `make types` writes it, and puts it at the head of tavola.d.ts.
 */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
"""
    return head + "".join(f"\n{_ts_comment(schema)}{_ts_type(name, schema)}\n" for name, schema in types().items())


def _ts_type(name: str, schema: Schema) -> str:
    if name == "Event":
        return "export type Event = RoomEvent | GameEvent;"
    if "properties" not in schema:
        options = _literal(schema["enum"]) if "enum" in schema else [_ts(each) for each in schema["anyOf"]]
        return f"export type {name} ={_wrapped(options)};"
    return f"export type {name} = {_ts_members(schema)};"


def _wrapped(options: list[str]) -> str:
    """The options of a union, as many a line as there is room for."""
    lines: list[str] = []
    for option in options:
        if lines and len(lines[-1]) + len(option) < 112:
            lines[-1] += f" | {option}"
        else:
            lines.append(f"  | {option}")
    return "\n" + "\n".join(lines)


def _ts_members(schema: Schema, margin: str = "") -> str:
    needed = schema.get("required", ())
    lines = [
        f"{margin}  {name}{'' if name in needed else '?'}: {_ts(each, margin + '  ')};"
        for name, each in schema["properties"].items()
    ]
    more = schema.get("additionalProperties", False)
    if more is True:
        lines.append(f"{margin}  [name: string]: any;")
    elif more:  # The named members are texts, which it may be, too.
        lines.append(f"{margin}  [argument: string]: {_ts(more)};")
    return "{\n" + "\n".join(lines) + f"\n{margin}}}"


def _ts(schema: Schema, margin: str = "") -> str:
    if (named := _named(schema)) is not None:
        return named
    if "enum" in schema:
        return " | ".join(_literal(schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_ts(each, margin) for each in schema["anyOf"])
    match schema.get("type"):
        case "array":
            inside = _ts(schema["items"], margin) if "items" in schema else "Json"
            return f"({inside})[]" if " | " in inside else f"{inside}[]"
        case "object" if "properties" in schema:
            return "{ " + "; ".join(f"{name}: {_ts(each)}" for name, each in schema["properties"].items()) + " }"
        case "object":
            more = schema.get("additionalProperties")
            return f"{{ [name: string]: {_ts(more, margin) if isinstance(more, dict) else 'any'} }}"
        case "integer" | "number":
            return "number"
        case "string" | "boolean" | "null" as plain:
            return plain
        case _:
            return "Json"


def _ts_comment(schema: Schema) -> str:
    said = " ".join(schema.get("description", "").split())
    if not said:
        return ""
    lines = textwrap.wrap(said, 116, break_long_words=False, break_on_hyphens=False)
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}\n" for line in lines) + " */\n"


# Python


def python() -> str:
    """The file wire.py."""
    head = '''"""The messages on the wire as types: what stands in frames and views when their JSON is decoded.

Made by clients/generate.py of `/api/frames.json`: `make types` writes it.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict
'''
    made = types()
    records = {name: schema for name, schema in made.items() if "properties" in schema}
    words = {name: schema for name, schema in made.items() if "enum" in schema}
    unions = {name: schema for name, schema in made.items() if "anyOf" in schema}
    return "\n".join([
        head,
        *(f"{name}: TypeAlias = Literal[\n{_py_lines(_literal(it['enum']), ', ')}\n]" for name, it in words.items()),
        *(_py_record(name, schema) for name, schema in records.items()),
        *(f"{name}: TypeAlias = (\n{_py_lines(_union(each), ' | ')}\n)" for name, each in unions.items()),
        "",
    ])  # fmt: skip


def _union(schema: Schema) -> list[str]:
    return [_py(each) for each in schema["anyOf"]]


def _py_lines(parts: list[str], between: str) -> str:
    lines = [""]
    for number, part in enumerate(parts):
        piece = part if number == len(parts) - 1 else part + between
        if lines[-1] and len(lines[-1]) + len(piece) > 112:
            lines.append("")
        lines[-1] += piece
    return "\n".join(f"    {line.rstrip()}" for line in lines)


def _py_literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _py_record(name: str, schema: Schema) -> str:
    needed = schema.get("required", ())
    said = " ".join(schema.get("description", "").split())
    open_ended = "additionalProperties" in schema
    if open_ended:
        said = f"{said} It has members of the game's besides.".strip()
    lines = [f"class {name}(TypedDict):"]
    if said:
        wrapped = textwrap.wrap(f'"""{said}"""', 112, break_long_words=False, break_on_hyphens=False)
        lines += [f"    {line}" for line in wrapped] + [""]
    for field, each in schema["properties"].items():
        kind = _py(each)
        lines.append(f"    {field}: {kind if field in needed else f'NotRequired[{kind}]'}")
    return "\n".join(["", *lines, ""])


def _py(schema: Schema) -> str:
    if (named := _named(schema)) is not None:
        return named
    if "enum" in schema:
        return f"Literal[{', '.join(_py_literal(each) for each in schema['enum'])}]"
    if "anyOf" in schema:
        return " | ".join(_union(schema))
    match schema.get("type"):
        case "array":
            return f"list[{_py(schema['items']) if 'items' in schema else 'Any'}]"
        case "object":
            more = schema.get("additionalProperties")
            return f"dict[str, {_py(more) if isinstance(more, dict) else 'Any'}]"
        case "integer":
            return "int"
        case "number":
            return "float"
        case "string":
            return "str"
        case "boolean":
            return "bool"
        case "null":
            return "None"
        case _:
            return "Any"


MADE: Mapping[Path, Callable[[], str]] = {
    ROOT / "edge" / "static" / "client" / "wire.d.ts": typescript,
    ROOT / "clients" / "python" / "tavola_client" / "wire.py": python,
}


def main() -> None:
    for path, make in MADE.items():
        text = make()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
