"""Queries and their parameters, which have names: who calls a query gives each of them, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tavola.storage.postgres import QUERIES, Query

ROOT = Path(__file__).parents[3]
FOLDERS = ("actors", "edge", "storage", "tavola", "tests")
ASKING = {"ask", "row", "rows"}
BESIDE = {"within_s"}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Where a named query is called, which it is, and how."""
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ASKING and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant) and name.value in QUERIES:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", str(name.value), node


def test_everybody_gives_a_query_its_parameters_by_name() -> None:
    found = list(calls())
    assert {"lobby", "place", "load_room", "valid_seat_token"} <= {name for _, name, _ in found}, "they are found"
    for where, name, call in found:
        given = {keyword.arg for keyword in call.keywords} - BESIDE
        assert len(call.args) == 1, f"{where}: by name"
        if None not in given:  # `**`, which is looked at when it runs
            assert given == set(QUERIES[name].names), where


def test_no_parameter_has_a_number() -> None:
    assert [name for name, query in QUERIES.items() if re.search(r"\$\d", query.source)] == []


def test_names_become_numbers_once() -> None:
    query = Query("SELECT :one::text, ':no', x -> 'it''s :no', :two /* */ FROM t -- the owner's :no\nWHERE y = :one")
    assert query.names == ("one", "two")
    assert query.text == "SELECT $1::text, ':no', x -> 'it''s :no', $2 /* */ FROM t -- the owner's :no\nWHERE y = $1"
    assert query.arguments({"two": 2, "one": 1}) == [1, 2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"one": 1}, "missing parameters: ['two'], unknown ones: []"),
        ({"one": 1, "two": 2, "three": 3}, "missing parameters: [], unknown ones: ['three']"),
        ({"one": 1, "three": 3}, "missing parameters: ['two'], unknown ones: ['three']"),
    ],
)
def test_a_parameter_too_few_or_too_many_is_an_error(given: dict[str, int], said: str) -> None:
    with pytest.raises(TypeError) as error:
        Query("SELECT :one, :two").arguments(given)
    assert str(error.value) == said
