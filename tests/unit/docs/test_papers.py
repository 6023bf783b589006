"""README, ARCHITECTURE and docs are as short as they promise, and name only what is there."""

from __future__ import annotations

import ast
import re

import pytest

from kit.examples import FENCED, PAGES, ROOT

TOPS = ("actors", "edge", "games", "load", "storage", "tavola", "tests", "docs")
NAMED = re.compile(rf"`((?:{'|'.join(TOPS)})/[\w./-]+)`")
MADE = {"tests/test_game.py"}
"""The files that a reader makes."""
WIDTH = 120
LINK = re.compile(r"\]\([^)]*\)")


def text(page: str) -> str:
    return (ROOT / page).read_text()


@pytest.mark.parametrize(("page", "lines"), [("README.md", 120), ("ARCHITECTURE.md", 150)])
def test_it_is_short(page: str, lines: int) -> None:
    assert len(text(page).splitlines()) <= lines


def test_no_line_of_architecture_is_long() -> None:
    assert [line for line in text("ARCHITECTURE.md").splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("page", PAGES)
def test_prose_is_wrapped(page: str) -> None:
    """All but tables, examples and headings, and not counting where links lead."""
    prose = [line for line in FENCED.sub("", text(page)).splitlines() if not line.startswith(("|", "#", "!"))]
    assert [line for line in prose if len(LINK.sub("]", line)) > WIDTH] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    assert [name for name in NAMED.findall(text(page)) if name not in MADE and not (ROOT / name).exists()] == []


def test_the_glossarys_classes_are_there() -> None:
    named = {name for name in re.findall(r"`([A-Z][a-z]\w+)`", text("docs/glossary.md"))}
    assert {"LoadedRoom", "Submit", "Committed"} <= named
    files = [path for top in TOPS[:6] for path in (ROOT / top).rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in files]
    assert named - {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)} == set()
