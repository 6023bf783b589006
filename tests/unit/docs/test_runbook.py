"""The pages for those who operate name metrics, events, acts and refusals that there are, and the runbook's commands
can be given so, also within a sentence."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import Any, get_args

import pytest
import typer

from kit.examples import FENCED, ROOT
from tavola.actors.scaling.demand import ROOM_ACTOR
from tavola.actors.wire.commands import STATUS
from tavola.cli import app
from tavola.config.settings import Settings
from tavola.edge.common.metrics import METRICS
from tavola.edge.operating.acts import ActName
from tavola.operators import app as operators
from tavola.rooms import app as rooms
from tavola.tokens import app as tokens

PAGES = tuple(f"docs/howto/{name}.md" for name in ("runbook", "operate", "deploy", "sizing", "cluster"))
ENDINGS = {"gauge": ("",), "counter": ("_total",), "histogram": ("", "_bucket", "_sum", "_count")}
NAMES = {f"{each.name}{ending}" for each in METRICS for ending in ENDINGS[each.kind]}
LABELS = {label for each in METRICS for label in each.labels}
EVENTS = tomllib.loads((ROOT / "docs" / "log-events.toml").read_text()).keys() | {"log.lost"}
AREAS = {event.partition(".")[0] for event in EVENTS}
SUFFIXES = ("md", "service", "env", "yaml", "log", "json", "toml", "jsonl.gz", "manifest.json", "sql", "py", "js")
CODE = re.compile(r"`([^`]+)`")
GROUPS = {"operator": operators, "token": tokens, "rooms": rooms, "room": rooms}


def text(page: str) -> str:
    return (ROOT / page).read_text()


def words(page: str) -> list[str]:
    """All in backquotes in its prose and tables."""
    return [" ".join(each.split()) for each in CODE.findall(FENCED.sub("", text(page)))]


def commands(page: str) -> list[str]:
    """Those of `tavola` in its blocks of commands, and within its sentences."""
    blocks = [line for language, block in FENCED.findall(text(page)) if not language for line in block.splitlines()]
    return [each for each in (*blocks, *words(page)) if re.match(r"tavola \w", each)]


def of_metrics(page: str) -> set[str]:
    return set(re.findall(r"\b(tavola_\w+)", text(page))) - {"tavola_session", ROOM_ACTOR}


@pytest.mark.parametrize("page", PAGES)
def test_its_metrics_are_there(page: str) -> None:
    assert of_metrics(page) <= NAMES
    for label, value in re.findall(r'[{,](\w+)="([^"…]+)"', text(page)):
        assert label in LABELS | {"instance"}
        if label == "outcome":
            assert value in STATUS


@pytest.mark.parametrize("page", PAGES)
def test_its_events_are_there(page: str) -> None:
    named = {each for each in words(page) if re.fullmatch(r"[a-z_]+\.[a-z_]+", each) and not each.endswith(SUFFIXES)}
    assert {each for each in named if each.partition(".")[0] in AREAS} <= EVENTS


@pytest.mark.parametrize("page", PAGES)
def test_its_settings_are_there(page: str) -> None:
    ours = {str(field.alias) for field in Settings.model_fields.values()}
    named = {name for each in words(page) for name in re.findall(r"\bTAVOLA_[A-Z_]+", each)}
    assert named - ours <= {"TAVOLA_STACK", "TAVOLA_OPERATOR_SECRET"}


def test_the_runbook_names_what_shows_each_symptom() -> None:
    """Each section has a metric or an event that shows it, and a command that mends it or looks further."""
    _, *sections = re.split(r"^## ", text("docs/howto/runbook.md"), flags=re.MULTILINE)
    assert len(sections) > 10
    for section in sections[:-1]:
        shown = re.findall(r"`(tavola_\w+|[a-z_]+\.[a-z_]+)", section)
        assert set(shown) & (NAMES | EVENTS), section[:40]
        assert "```" in section, section[:40]


@pytest.mark.parametrize("command", [each for page in PAGES for each in commands(page)])
def test_its_commands_can_be_given(command: str) -> None:
    _, *arguments = shlex.split(command.partition(" | ")[0].replace("SEQ", "1"), comments=True)
    name, *rest = arguments
    group: Any = typer.main.get_command(app)
    if name in GROUPS:
        group, rest = typer.main.get_command(GROUPS[name]), arguments if name in ("room", "rooms") else rest
        name, *rest = rest or [""]
    if rest and name:
        group.commands[name].make_context(name, rest)
    if command.startswith("tavola operator act ") and rest:
        assert rest[0] in get_args(ActName)


def test_another_name_is_found() -> None:
    assert {"tavola_sockets_total", "tavola_commands"}.isdisjoint(NAMES)
    assert "room.nothing" not in EVENTS
