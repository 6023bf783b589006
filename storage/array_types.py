"""The array types that our queries take, but for text, which the driver knows. asyncpg has each new connection ask the
server what they are, which costs Postgres 9 ms; they are the same in every Postgres, so here they are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import asyncpg

_NOT_ASKED = SimpleNamespace(name="nothing was asked")
"""In place of the statement that asked: the driver looks at its name, to know whether a nameless one was lost by it."""


def _array(oid: int, name: str, of: int) -> dict[str, Any]:
    """As the driver's own question would have it."""
    return {
        "oid": oid, "ns": "pg_catalog", "name": f"_{name}", "kind": b"b", "basetype": None, "elemtype": of,
        "elemdelim": b",", "range_subtype": None, "attrtypoids": None, "attrnames": None, "depth": 0,
        "basetype_name": None, "elemtype_name": name, "range_subtype_name": None,
    }  # fmt: skip


ARRAYS = {
    kind["oid"]: kind
    for kind in (
        _array(1000, "bool", 16),
        _array(1001, "bytea", 17),
        _array(1005, "int2", 21),
        _array(1007, "int4", 23),
        _array(1016, "int8", 20),
        _array(1022, "float8", 701),
        _array(199, "json", 114),
        _array(3807, "jsonb", 3802),
        _array(2951, "uuid", 2950),
    )
}


class KnowingConnection(asyncpg.Connection):  # type: ignore[misc]
    """Asks what other types are, as the driver does."""

    __slots__ = ()

    async def _introspect_types(self, typeoids: Any, *within: Any) -> Any:
        if all(oid in ARRAYS for oid in typeoids):
            return [ARRAYS[oid] for oid in typeoids], _NOT_ASKED
        return await super()._introspect_types(typeoids, *within)
