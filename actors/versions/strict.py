"""Finds the members of a stored value that reading it as a type would drop without a word. Pure.

msgspec drops members that a type does not know unless the type itself forbids them; a game's state need not know of
that, and a client's frames keep their own rules. So stored values are looked at here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

_STRUCTURED = inspect.StructType | inspect.DataclassType | inspect.TypedDictType
_encode = msgspec.json.Encoder().encode
_MANY = inspect.ListType | inspect.SetType | inspect.FrozenSetType | inspect.VarTupleType


class UnknownMember(msgspec.ValidationError):
    """It is well formed, and was written by code that knows more than this, or calls it otherwise."""


def decode(kind: Any, text: str | bytes, encode: Callable[[Any], bytes] = _encode) -> Any:
    """The `kind` that was stored as `text` by `encode`, whole. Raises `msgspec.ValidationError`, and
    `UnknownMember` where `kind` does not know a member: usually it is enough to see that it would be stored as the same
    text again."""
    value = _decoder(kind)(text)
    if encode(value) != (text if isinstance(text, bytes) else text.encode()):
        _refuse(kind, msgspec.json.decode(text))
    return value


def convert(kind: Any, raw: Any) -> Any:
    """As `decode`, of JSON that is decoded already."""
    value = msgspec.convert(raw, kind, str_keys=True)
    _refuse(kind, raw)
    return value


def _refuse(kind: Any, raw: Any) -> None:
    if (found := unknown(kind, raw)) is not None:
        raise UnknownMember(f"Object contains what is unknown here - at `{found}`")


def unknown(kind: Any, raw: Any) -> str | None:
    """The place of the first member of `raw`, JSON that was read as a `kind`, that `kind` does not know."""
    return _first(_described(kind), raw, "$")


_described = cache(inspect.type_info)


@cache
def _decoder(kind: Any) -> Callable[[str | bytes], Any]:
    return msgspec.json.Decoder(kind).decode


def _first(kind: inspect.Type, raw: Any, at: str) -> str | None:
    if isinstance(kind, inspect.UnionType):
        one = _meant(kind, raw)
        return None if one is None else _first(one, raw, at)
    if isinstance(raw, list):
        if (kinds := _ordered(kind)) is not None:
            return _in_order(kinds, raw, at)
        if isinstance(kind, _MANY):
            return _in_order([kind.item_type] * len(raw), raw, at)
    elif isinstance(raw, dict):
        if isinstance(kind, inspect.DictType):
            return _in_order([kind.value_type] * len(raw), list(raw.values()), at)
        if isinstance(kind, _STRUCTURED):
            return _by_name(kind, raw, at)
    return None


def _ordered(kind: inspect.Type) -> list[inspect.Type] | None:
    """The types of the places of something that is stored as a list of a fixed length."""
    match kind:
        case inspect.StructType(array_like=True):
            tags: list[inspect.Type] = [] if kind.tag_field is None else [inspect.AnyType()]
            return [*tags, *(field.type for field in kind.fields)]
        case inspect.NamedTupleType():
            return [field.type for field in kind.fields]
        case inspect.TupleType():
            return list(kind.item_types)
        case _:
            return None


def _in_order(kinds: list[inspect.Type], raw: list[Any], at: str) -> str | None:
    if len(raw) > len(kinds):
        return f"{at}[{len(kinds)}]"
    found = (_first(kind, value, f"{at}[{n}]") for n, (kind, value) in enumerate(zip(kinds, raw, strict=False)))
    return next(filter(None, found), None)


def _by_name(
    kind: inspect.StructType | inspect.DataclassType | inspect.TypedDictType, raw: dict[str, Any], at: str
) -> str | None:
    kinds = {field.encode_name: field.type for field in kind.fields}
    if isinstance(kind, inspect.StructType) and kind.tag_field is not None:
        kinds[kind.tag_field] = inspect.AnyType()
    for name, value in raw.items():
        found = _first(kinds[name], value, f"{at}.{name}") if name in kinds else f"{at}.{name}"
        if found is not None:
            return found
    return None


def _meant(kind: inspect.UnionType, raw: Any) -> inspect.Type | None:
    """The one of a union's types that `raw` was read as, as far as there can be anything unknown in it. msgspec allows
    at most one that is untagged of each of JSON's forms."""
    for one in kind.types:
        if isinstance(one, inspect.StructType) and one.tag_field is not None:
            if _tag(one, raw) == one.tag:
                return one
        elif isinstance(raw, list | dict) and _form(one) is type(raw):
            return one
    return None


def _form(kind: inspect.Type) -> type[list[Any] | dict[str, Any]] | None:
    """The form that a value of this type has in JSON, if there are others in it."""
    if isinstance(kind, _MANY) or _ordered(kind) is not None:
        return list
    return dict if isinstance(kind, inspect.DictType | _STRUCTURED) else None


def _tag(kind: inspect.StructType, raw: Any) -> Any:
    if isinstance(raw, dict):
        return raw.get(kind.tag_field)
    return raw[0] if kind.array_like and isinstance(raw, list) and raw else None
