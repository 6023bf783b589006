"""Every link of every paper here leads somewhere: to a file that is there, to a heading that it has."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[3]
SKIPPED = {"node_modules", "build", "report"}
PAPERS = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.md")
    if not any(part in SKIPPED or part.startswith(".") for part in path.relative_to(ROOT).parts)
)


@cache
def tokens(paper: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(paper.read_text())


def inline(paper: Path) -> list[Token]:
    return [child for token in tokens(paper) for child in token.children or []]


def links(paper: Path) -> list[str]:
    targets = [token.attrGet("href") or token.attrGet("src") for token in inline(paper)]
    return [str(target) for target in targets if target is not None]


@cache
def anchors(paper: Path) -> set[str]:
    """The names that a forge gives the headings of a paper: a heading that comes again is numbered."""
    found, times = set(), Counter[str]()
    for before, token in zip(tokens(paper), tokens(paper)[1:], strict=False):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children or [])
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            found.add(f"{slug}-{times[slug]}" if times[slug] else slug)
            times[slug] += 1
    return found


def dead(paper: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (paper.parent / unquote(parts.path)).resolve() if parts.path else paper
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(parts.fragment) and target.suffix == ".md" and parts.fragment not in anchors(target)


def test_there_are_papers_with_links() -> None:
    assert len(PAPERS) > 5
    assert sum(len(links(ROOT / paper)) for paper in PAPERS) > 20


@pytest.mark.parametrize("paper", PAPERS, ids=str)
def test_its_links_lead_somewhere(paper: Path) -> None:
    assert [link for link in links(ROOT / paper) if dead(ROOT / paper, link)] == []


@pytest.mark.parametrize(
    ("link", "is_dead"),
    [
        ("docs/none.md", True),
        ("ARCHITECTURE.md#none", True),
        ("../README.md", True),
        ("ARCHITECTURE.md", False),
        ("https://example.org/none", False),
    ],
)
def test_a_dead_link_is_found(link: str, is_dead: bool) -> None:
    assert dead(ROOT / "README.md", link) is is_dead
