"""A sentence says who does what, in that order: in comments, docstrings and papers none begins with "Who" or "What"
unless it asks. Lines of prose end by column 120.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

from kit.examples import ROOT

SKIPPED = {"node_modules"}
WIDTH = 120
SUFFIXES = (".py", ".md", ".sql", ".js", ".mjs", ".ts")
BEGUN = re.compile(
    r"(?:\A|(?<=\n\n)|(?<=\n- )|(?<=[.!?:][ \n])|(?<=[.!?][)\"*_][ \n]))[(*_]*((?:Who|What|Whose|Whoever|Whatever)\b"
    r"(?:`[^`]*`|[^`.!?]|[.!?](?![)\"*_]*\s|[)\"*_]*\Z))*[.!?]?)"
)
"""A sentence from its first word to its end; a point inside a word or in backquotes is none."""
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\([^)]*\)|<?https?://\S+")
SCRIPT = re.compile(r"/\*.*?\*/|(?:(?<=\s)|^)//[^\n]*(?:\n[ \t]*//[^\n]*)*", re.DOTALL | re.MULTILINE)
SQL = re.compile(r"--[^\n]*(?:\n[ \t]*--[^\n]*)*")
MARKS = re.compile(r"^[ \t]*(?:/\*\*?|\*/|\*|//|--|#:?)?[ \t]?|[ \t]*\*/[ \t]*$", re.MULTILINE)


class Prose(NamedTuple):
    """Text without the marks around it, and the number of its first line."""

    line: int
    text: str


def of_python(source: str) -> Iterator[Prose]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Prose(node.lineno, node.value.value)
    comments = [
        (token.start, token.line[: token.start[1]].strip() == "", token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    block: list[str] = []
    for at, ((line, column), alone, text) in enumerate(comments):
        block.append(text)
        after = comments[at + 1] if at + 1 < len(comments) else None
        if after is None or not (alone and after[1] and after[0] == (line + 1, column)):
            yield Prose(line - len(block) + 1, "\n".join(block))
            block = []


def of_strings(source: str) -> Iterator[Prose]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Prose(node.lineno, node.value)


def of_quotes(source: str) -> Iterator[Prose]:
    for quoted in found(re.compile(r"""(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1"""), source):
        yield Prose(quoted.line, quoted.text[1:-1])


def found(pattern: re.Pattern[str], source: str) -> Iterator[Prose]:
    for match in pattern.finditer(source):
        yield Prose(source.count("\n", 0, match.start()) + 1, match[0])


def of_markdown(source: str) -> Iterator[Prose]:
    """Paragraphs and the entries of lists. Headings and tables are no sentences; examples are nobody's prose."""
    bare = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), source)
    yield from found(re.compile(r"^(?![ \t]*$|\||#|!).+(?:\n(?![ \t]*$|\||#|!|[ \t]*[-*] ).+)*", re.MULTILINE), bare)


def prose(path: Path) -> Iterator[Prose]:
    source = path.read_text()
    match path.suffix:
        case ".py":
            yield from of_python(source)
        case ".md":
            yield from of_markdown(source)
        case ".sql":
            yield from found(SQL, source)
        case _:
            yield from found(SCRIPT, source)


def begun(piece: Prose) -> Iterator[str]:
    """Sentences of it that begin with "Who" or "What" and do not ask."""
    text = MARKS.sub("", piece.text) if piece.text.lstrip().startswith(("#", "/", "--")) else dedent(piece.text)
    text = re.sub(r"^(name: \w+)$", r"\1.", text, flags=re.MULTILINE)  # of a query: what follows is a sentence
    text = re.sub(r"\A[ \t]*(?:(?:[-*]|\d+\.) )?|(?<=\n)[ \t]+", "", text)
    for match in BEGUN.finditer(text):
        if not match[1].endswith("?"):
            line = piece.line + text.count("\n", 0, match.start())
            yield f"{line}: {' '.join(match[1].split())}"


def long(piece: Prose) -> Iterator[str]:
    """Lines of it that end behind column 120, not counting where links lead."""
    for number, line in enumerate(piece.text.splitlines(), piece.line):
        if len(LINK.sub("]", line)) > WIDTH:
            yield f"{number}: {line}"


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    return tuple(
        path.relative_to(ROOT)
        for path in sorted(ROOT.rglob("*"))
        if path.suffix in suffixes
        and path.relative_to(ROOT).parts[0] not in ("build", "report")
        and not any(part in SKIPPED or part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


FOLDERS = sorted({path.parts[0] for path in files(*SUFFIXES) if len(path.parts) > 1})


def of(folder: str) -> list[Path]:
    return [path for path in files(*SUFFIXES) if path.parts[0] == folder or (folder == "." and len(path.parts) == 1)]


@pytest.mark.parametrize("folder", [".", *FOLDERS])
def test_no_sentence_begins_with_who_or_what(folder: str) -> None:
    assert [f"{path}:{found}" for path in of(folder) for piece in prose(ROOT / path) for found in begun(piece)] == []


def test_no_text_for_users_begins_with_who_or_what() -> None:
    """Refusals, helps, the operator's words: every string of the code, and of the pages' scripts."""
    texts = [
        (path, piece)
        for path in files(".py", ".js")
        if path.parts[0] not in ("tests", "docs")
        for piece in (of_strings if path.suffix == ".py" else of_quotes)((ROOT / path).read_text())
    ]
    assert len(texts) > 1000
    assert [f"{path}:{found}" for path, piece in texts for found in begun(piece)] == []


@pytest.mark.parametrize("folder", [".", *FOLDERS])
def test_prose_ends_by_column_120(folder: str) -> None:
    assert [f"{path}:{found}" for path in of(folder) for piece in prose(ROOT / path) for found in long(piece)] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", '"""What it gives."""\n'),
        ("a.py", 'def f():\n    """Gives.\n\n    Whoever calls it, waits.\n    """\n'),
        ("a.py", 'x = 1\n"""It is one. What is not,\nis none."""\n'),
        ("a.py", "x = 1  # Who reads it\n"),
        ("a.py", "# One line. Whatever\n# comes next.\nx = 1\n"),
        ("a.sql", "-- name: one\n-- One. What it\n-- gives.\nSELECT 1\n"),
        ("a.sql", "-- name: one\n-- Who they are.\nSELECT 1\n"),
        ("a.js", "/** Who they are. */\n"),
        ("a.js", "f(); // It does. What else it does, too.\n"),
        ("a.js", "/**\n * Its name\n *\n * Whose it is.\n */\n"),
        ("a.md", "- One\n- What is two\n"),
        ("a.md", "1. One\n   - Two\n   - Who is\n     three\n"),
        ("a.md", "It is. **Whatever is not**, is not.\n"),
    ],
)
def test_such_a_sentence_is_found(name: str, source: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(source)
    assert [found for piece in prose(tmp_path / name) for found in begun(piece)] != []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", '"""What is it? It says what it is, or\nWhat."""\n'),
        ("a.py", 'text = "What you said."\n'),
        ("a.js", 'const text = "What you said."; // It is shown.\n'),
        ("a.md", "# What it is\n\n| What | is |\n\nNobody asks: what is it.\n"),
        ("a.md", "```\nWhat it prints.\n```\n"),
    ],
)
def test_no_other_is(name: str, source: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(source)
    assert [found for piece in prose(tmp_path / name) for found in begun(piece)] == []


def test_a_long_line_is_found(tmp_path: Path) -> None:
    line, link = "word " * 25, f"[word]({'x' * WIDTH})"
    for name, source in (("a.md", f"One\n{line}\n{link}\n"), ("a.sql", f"-- {line}\n"), ("a.js", f"/** {line} */\n")):
        (tmp_path / name).write_text(source)
        assert len([found for piece in prose(tmp_path / name) for found in long(piece)]) == 1
