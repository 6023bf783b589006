"""The published document of the REST door (OpenAPI 3.1), made of the endpoints and of their types."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from tavola.actors.wire.commands import STATUS
from tavola.edge.rest.rest import CHANGES, JSON, Endpoint

Document = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PARAMETERS = {
    "room": {"description": "A room's id or its code.", "schema": {"type": "string", "minLength": 1, "maxLength": 64}},
}
_KEY: Document = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The command's id: asked again with the same one, it takes effect once and is answered alike.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
}
_REQUESTED_WITH: Document = {
    "name": "X-Requested-With",
    "in": "header",
    "description": "Needed for changes by the session cookie.",
    "schema": {"type": "string", "const": "tavola"},
}
_OPERATOR: Document = {"type": "http", "scheme": "bearer", "description": "The secret in TAVOLA_ADMIN_SECRET."}
_SERVICE: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "Another server's token, of that scope; with `act`, and a user in Tavola-User, all of theirs.",
}


class ErrorBody(msgspec.Struct):
    """`message` is for a person. `retry_after_ms`: it may be asked again after that long."""

    code: str
    message: str
    details: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    retry_after_ms: int | msgspec.UnsetType = msgspec.UNSET


class ErrorReply(msgspec.Struct):
    error: ErrorBody


def document(endpoints: Sequence[Endpoint]) -> Document:
    """Every path with every status that it may answer."""
    kinds: list[type[msgspec.Struct]] = [ErrorReply]
    for endpoint in endpoints:
        kinds += [kind for kind in (endpoint.gives, _body(endpoint), endpoint.query) if kind is not None]
    _, components = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    paths: dict[str, Document] = defaultdict(dict)
    for endpoint in endpoints:
        paths[endpoint.path][endpoint.method.lower()] = _operation(endpoint, components)
    queries = {endpoint.query.__name__ for endpoint in endpoints if endpoint.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tavola",
            "version": version("tavola"),
            "description": "Rooms, seats and moves by REST. The same commands travel as frames on `GET /ws`"
            " (`/api/frames.json`). Every refusal has a stable code.",
        },
        "paths": dict(paths),
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "tavola_session"},
                "service": _SERVICE,
                **({"operator": _OPERATOR} if any(map(_operators_alone, endpoints)) else {}),
            },
        },
    }


def _body(endpoint: Endpoint) -> type[msgspec.Struct] | None:
    """The body's type, if anything is expected in it."""
    return endpoint.body if endpoint.body is not None and endpoint.body.__struct_fields__ else None


def _operation(endpoint: Endpoint, components: Document) -> Document:
    body = _body(endpoint)
    operation: Document = {
        "operationId": _name(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.path.split("/")[2].removesuffix(".json")],
        "parameters": list(_parameters(endpoint, components)),
        "responses": _responses(endpoint),
        "security": _security(endpoint),
    }
    if body is not None:
        needed = any(field.required for field in msgspec.structs.fields(body))
        operation["requestBody"] = {"required": needed, "content": {JSON: {"schema": _schema(body)}}}
    return operation


def _parameters(endpoint: Endpoint, components: Document) -> Iterable[Document]:
    for name in re.findall(r"{(\w+)}", endpoint.path):
        yield {"name": name, "in": "path", "required": True, **_PARAMETERS[name]}
    if endpoint.query is not None:
        fields = {field.encode_name: field for field in msgspec.structs.fields(endpoint.query)}
        for name, schema in components[endpoint.query.__name__]["properties"].items():
            yield {"name": name, "in": "query", "required": fields[name].required, "schema": _given(schema)}
    if endpoint.method in CHANGES:
        yield _KEY
        yield _REQUESTED_WITH


def _security(endpoint: Endpoint) -> list[Document]:
    """Any one of these will do."""
    service: list[Document] = [{"service": [endpoint.scope]}] if endpoint.scope else []
    if endpoint.operator:
        return [{"operator": []}, *service]
    return [*([{}] if endpoint.open else []), {"bearer": []}, {"session": []}, *service]


def _operators_alone(endpoint: Endpoint) -> bool:
    return bool(endpoint.operator) and not endpoint.scope


def _given(schema: Document) -> Document:
    """A query's parameter is left out rather than null."""
    options = [option for option in schema.get("anyOf", [schema]) if option != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    return {**rest, **options[0]} if len(options) == 1 else {**rest, "anyOf": options}


def _responses(endpoint: Endpoint) -> Document:
    answer = {"description": endpoint.summary, "content": {JSON: {"schema": _schema(endpoint.gives)}}}
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in endpoint.codes:
        by_status[STATUS[code]].append(code)
    return {str(endpoint.status): answer} | {
        str(status): {
            "description": ", ".join(f"`{code}`" for code in codes),
            "content": {JSON: {"schema": _schema(ErrorReply)}},
        }
        for status, codes in sorted(by_status.items())
    }


def _schema(kind: type[msgspec.Struct]) -> Document:
    return {"$ref": _REF.format(name=kind.__name__)}


def _name(endpoint: Endpoint) -> str:
    path = endpoint.path.replace("rooms/{room}", "room").replace("/{room}", "")
    words = re.findall(r"\w+", path.removeprefix("/api"))
    return "_".join((endpoint.method.lower(), *words)).replace(".", "_")
