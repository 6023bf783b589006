"""The examples in README and docs, as they stand there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    )
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    page: str
    language: str
    """As it stands after the fence: empty for commands, pictures and shapes."""
    text: str


def examples() -> list[Example]:
    return [
        Example(page, language, text) for page in PAGES for language, text in FENCED.findall((ROOT / page).read_text())
    ]


def example(page: str, mentioned: str) -> str:
    """The text of the page's only example in which this is mentioned."""
    [found] = [each.text for each in examples() if each.page == page and mentioned in each.text]
    return found
