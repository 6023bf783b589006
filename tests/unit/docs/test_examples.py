"""No example in README or docs is untried: each is named here, with the test that runs it or the kind that it is."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import typer

from kit.examples import ROOT, Example, example, examples
from tavola.cli import app
from tavola.config.settings import Settings
from tavola.load.cli import app as load
from tavola.rooms import app as operator
from tavola.tokens import app as tokens

PROGRAMS = {
    ("docs/tutorial-first-game.md", "class NimOptions"): "tests/faults/test_tutorial_played.py",
    ("docs/tutorial-first-game.md", "def test_the_last_stone_wins"): "tests/faults/test_tutorial_played.py",
    ("docs/tutorial-first-game.md", "def heap_for_stones"): "tests/unit/docs/test_first_game.py",
    ("docs/howto/client.md", "import httpx"): "tests/browser/test_docs.py",
    ("docs/howto/client.md", "/api/matchmake"): "tests/browser/test_docs.py",
    ("docs/howto/client.md", "new Tavola({ url"): "tests/browser/test_docs.py",
    ("docs/howto/client.md", "stale_turn"): "tests/browser/test_docs.py",
    ("docs/howto/client.md", "room.foresee ="): "tests/browser/test_foreseen.py",
    ("docs/howto/game-page.md", "register("): "tests/browser/test_guests.py",
    ("docs/howto/game-page.md", "export function foresee"): "tests/browser/test_foreseen.py",
    ("docs/howto/cluster.md", "type: aws"): "tests/unit/stack/test_cluster_file.py",
    ("docs/howto/cluster.md", "min_workers: 0"): "tests/unit/stack/test_cluster_file.py",
    ("docs/howto/cluster.md", "DATABASE_URL="): "tests/unit/stack/test_cluster_file.py",
    ("docs/howto/proxy-and-tls.md", "TAVOLA_TRUSTED_PROXIES="): "tests/unit/docs/test_examples.py",
    ("docs/howto/proxy-and-tls.md", "TAVOLA_ALLOWED_ORIGINS="): "tests/unit/docs/test_examples.py",
    ("docs/howto/proxy-and-tls.md", "new Tavola({ url"): "tests/browser/test_other_origins.py",
    ("docs/howto/backend.md", "are seated at"): "tests/faults/test_other_servers.py",
    ("docs/howto/backend.md", "still reserved"): "tests/faults/test_other_servers.py",
    ("docs/howto/backend.md", "Last-Event-ID"): "tests/faults/test_feed_followed.py",
    ("docs/howto/backend.md", "compare_digest"): "tests/faults/test_webhooks_sent.py",
    ("docs/howto/postgres.md", "pgbouncer=true"): "tests/faults/test_pgbouncer.py",
    ("docs/howto/postgres.md", "ALTER ROLE"): "tests/faults/test_pgbouncer.py",
    ("docs/howto/supabase.md", "TAVOLA_TRUSTED_ISSUER="): "tests/faults/test_front_door.py",
    ("docs/howto/supabase.md", "getSession"): "tests/faults/test_front_door.py",
}
PICTURES = ("──▶", '"seq": 142')
"""The marks of blocks that show something and are for nobody to run."""
PROGRAM = (
    "make|tavola|ray|kill|curl|for|cd|python|useradd|install|systemctl|systemd-run|journalctl|docker|promtool|psql"
    "|kubectl"
)
COMMAND = re.compile(rf"^(?:\w+=(?:\$\(.*?\)|\S+) )*(?:\.venv/bin/)?({PROGRAM}) ?(.*)$")


def command_lines() -> list[tuple[str, str]]:
    """(page, line) of every command in a block of commands."""
    blocks = [each for each in examples() if not each.language and not any(sign in each.text for sign in PICTURES)]
    return [(each.page, line) for each in blocks for line in each.text.replace("\\\n", " ").splitlines()]


def test_every_program_is_run_by_a_test() -> None:
    programs = [each for each in examples() if each.language]
    for (page, mentioned), test in PROGRAMS.items():
        example(page, mentioned)
        assert (ROOT / test).exists()
    assert len(programs) == len(PROGRAMS), "a new example needs a test that runs it"


def test_the_commands_are_seen() -> None:
    told = {page for page, _ in command_lines()}
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "docs/howto/cluster.md",
        "docs/howto/load.md",
        "docs/howto/operate.md",
    } <= told
    assert any(line.startswith(".venv/bin/tavola rooms ") for _, line in command_lines())


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_a_command_can_be_given_so(page: str, line: str) -> None:
    """Its program takes these options. The tests of each command try what `tavola` then does."""
    told = COMMAND.match(line)
    assert told, line
    program, arguments = told[1], shlex.split(told[2], comments=True)
    if program == "make":
        subprocess.run(["make", "-n", "-C", ROOT, *arguments], check=True, capture_output=True)
    if program == "tavola":
        take(app, arguments)


def take(taker: typer.Typer, arguments: list[str]) -> None:
    """Fails as the program itself would, if it does not take the arguments. Nothing is run."""
    command = typer.main.get_command(taker)
    if not isinstance(command, click.Group):
        command.make_context("tavola", list(arguments))
        return
    name, *rest = arguments
    if name == "load":
        take(load, rest)
    elif name == "token" and taker is app:
        take(tokens, rest)
    elif name in ("rooms", "room") and taker is app:
        take(operator, arguments)
    else:
        command.commands[name].make_context(name, rest)


SETTINGS = [each for each in examples() if each.language == "sh"]


@pytest.mark.parametrize("each", SETTINGS, ids=lambda each: each.page)
def test_settings_are_ours_or_rays(each: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {str(field.alias) for field in Settings.model_fields.values()}
    names = set(re.findall(r"^(\w+)=", each.text, re.MULTILINE))
    assert names
    assert {name for name in names if not name.startswith("RAY_")} <= ours
    for name in ours:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text(each.text)
    monkeypatch.chdir(tmp_path)
    assert Settings() != Settings(_env_file=None)
