"""JSON merge patch as RFC 7396 has it, appendix A."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tavola.client.merge import difference, merge

APPENDIX_A: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), APPENDIX_A)
def test_the_vectors_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    untouched = copy.deepcopy(patch)
    assert merge(target, patch) == result
    assert patch == untouched


def test_later_merges_do_not_reach_into_an_earlier_patch() -> None:
    patch = {"seats": {"1": {"chips": 5}}}
    view = merge({}, patch)
    merge(view, {"seats": {"1": {"chips": 6}}})
    assert patch == {"seats": {"1": {"chips": 5}}}


def test_what_is_null_and_what_is_not_there_are_equal() -> None:
    assert difference({"turn": None, "me": {}}, {"me": {"seat_index": None}}) is None


@pytest.mark.parametrize(
    ("held", "fresh", "where"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b: held 1, fresh 2"),
        ({"a": [1, 2]}, {"a": [1]}, "a: held [1, 2], fresh [1]"),
        ({"a": 1}, {}, "a: held 1, fresh None"),
    ],
)
def test_the_first_difference_is_named(held: Any, fresh: Any, where: str) -> None:
    assert difference(held, fresh) == where


def test_named_members_are_left_out() -> None:
    held = {"at": 1, "seats": {"0": {"status": "away", "chips": 1}}, "me": {"rejoin_token": "x"}}
    fresh = {"at": 2, "seats": {"0": {"status": "active", "chips": 1}}, "me": {}}
    assert difference(held, fresh, ("at", "seats.*.status", "me.rejoin_token")) is None
    assert difference(held, fresh, ("at", "me.rejoin_token")) is not None
