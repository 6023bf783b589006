"""Text is shown as it is added to a file, and not more of it at once than a terminal bears."""

from __future__ import annotations

from pathlib import Path

from tavola.stack.tail import MOST_BYTES, Tail


def test_only_what_is_added_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "games.log"
    file.write_text("of an earlier run\n")
    tail = Tail(file)
    assert tail.more() == ""
    with file.open("a") as out:
        out.write("one\n")
    assert (tail.more(), tail.more()) == ("one\n", "")


def test_a_file_that_is_begun_anew_is_shown_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "games.log"
    tail = Tail(file)
    file.write_text("a long first line\n")
    assert tail.more() == "a long first line\n"
    file.rename(tmp_path / "games.old.log")
    assert tail.more() == ""
    file.write_text("anew\n")
    assert tail.more() == "anew\n"


def test_too_much_at_once_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "games.log"
    tail = Tail(file)
    file.write_bytes(b"x" * (MOST_BYTES + 1))
    assert tail.more() == f"{'x' * MOST_BYTES}\n…"
    assert tail.more() == ""
