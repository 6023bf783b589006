"""A member that a type does not know is found wherever it is, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict

import msgspec
import pytest

from tavola.actors.room.state import Table
from tavola.actors.versions.strict import convert, decode, unknown
from tavola.actors.wire.commands import AnyCommand, Chat, RoomId
from tavola.games.holdem.state import HoldemTable


class Inner(msgspec.Struct):
    a: int = 0


class Listed(msgspec.Struct, array_like=True):
    a: int = 0
    inner: Inner | None = None


class One(msgspec.Struct, tag="one"):
    a: int = 0


class Two(msgspec.Struct, tag="two", array_like=True):
    inner: Inner


class Three(msgspec.Struct, tag="three", array_like=True):
    b: int = 0


class Pair(NamedTuple):
    a: int
    inner: Inner


@dataclass
class Data:
    inner: Inner


class Typed(TypedDict):
    inner: Inner


FORMS: dict[str, Any] = {
    "inner": Inner | None,
    "listed": Listed | None,
    "many": list[Inner] | None,
    "fixed": tuple[Inner, int] | None,
    "by_name": dict[str, Inner] | None,
    "tagged": One | int | None,
    "placed": Two | Three | None,
    "pair": Pair | None,
    "data": Data | None,
    "typed": Typed | None,
    "free": Any,
}
Outer = msgspec.defstruct(
    "Outer",
    [*((name, form, None) for name, form in FORMS.items()), ("named", int, msgspec.field(default=0, name="n"))],
    omit_defaults=True,
)


X = {"a": 1, "x": 2}


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"inner": X}, "$.inner.x"),
        ({"other": 1}, "$.other"),
        ({"named": 1}, "$.named"),
        ({"listed": [1, X]}, "$.listed[1].x"),
        ({"listed": [1, None, 3]}, "$.listed[2]"),
        ({"many": [{"a": 1}, X]}, "$.many[1].x"),
        ({"fixed": [X, 1]}, "$.fixed[0].x"),
        ({"by_name": {"ann": {"a": 1}, "bob": X}}, "$.by_name[1].x"),
        ({"tagged": {"type": "one", "x": 1}}, "$.tagged.x"),
        ({"placed": ["two", X]}, "$.placed[1].x"),
        ({"placed": ["three", 1, 2]}, "$.placed[2]"),
        ({"pair": [1, X]}, "$.pair[1].x"),
        ({"data": {"inner": X}}, "$.data.inner.x"),
        ({"typed": {"inner": X}}, "$.typed.inner.x"),
    ],
)
def test_what_is_unknown_is_found(raw: Any, place: str) -> None:
    msgspec.convert(raw, Outer)  # msgspec itself says nothing
    assert unknown(Outer, raw) == place
    with pytest.raises(msgspec.ValidationError, match="unknown"):
        convert(Outer, raw)
    with pytest.raises(msgspec.ValidationError, match="unknown"):
        decode(Outer, msgspec.json.encode(raw))


def test_what_is_known_is_read_however_it_is_written() -> None:
    for text in (
        b'{"inner":{"a":1}}',
        b'{ "n" : 3, "inner": {"a": 0}, "listed": [1], "free": {"x": [{"y": 1}]}, "tagged": {"type":"one"} }',
        b'{"placed":["two",{"a":1}],"tagged":3,"many":[],"fixed":[{},1],"by_name":{"x":{}},"pair":[1,{}]}',
    ):
        assert decode(Outer, text) == msgspec.json.decode(text, type=Outer)
        assert convert(Outer, msgspec.json.decode(text)) == msgspec.json.decode(text, type=Outer)


def test_a_hand_of_holdem_and_a_command_are_known_wholly() -> None:
    kind = Table[HoldemTable]
    table = Table(v=1, at=1, game=HoldemTable(number=3))
    assert decode(kind, msgspec.json.encode(table)) == table
    assert unknown(kind, {"v": 1, "at": 1, "game": [[], 3, None, 4]}) == "$.game[3]"
    assert unknown(AnyCommand, {**msgspec.to_builtins(Chat(id="c", room=RoomId("r"), text="t")), "to": "all"}) == "$.to"
