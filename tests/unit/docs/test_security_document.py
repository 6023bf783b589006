"""docs/security.md names every story of a hostile, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[3]
TEXT = (FOLDER / "docs" / "security.md").read_text()


def test_every_story_is_named() -> None:
    stories = {path.stem for path in (FOLDER / "tests" / "hostile").glob("test_*.py")}
    assert stories - set(re.findall(r"\[(test_\w+)\]", TEXT)) == set()


def test_what_is_named_is_there() -> None:
    named = re.findall(r"\]\(\.\./([\w./]+)\)", TEXT)
    assert len(named) > 40, "they are found"
    assert [path for path in named if not (FOLDER / path).exists()] == []


def test_a_settings_name_is_a_setting() -> None:
    settings = (FOLDER / "docs" / "reference" / "settings.md").read_text()
    named = set(re.findall(r"`(TAVOLA_[A-Z_]+)`", TEXT))
    assert len(named) > 4
    assert {name for name in named if f"`{name}`" not in settings} == set()
