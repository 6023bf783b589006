"""The references that are made from the code: `python docs/generate.py` writes them, `make docs` before it builds.

Nothing runs for it: settings, log events and metrics are read, the command line and REST's list are asked for what they
offer. tests/unit/docs/test_reference.py compares what this makes with what is committed.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin

import typer
from annotated_types import Ge, Le, MinLen
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tavola.config.settings import Settings
from tavola.edge.common.limits import NO_LIMITS
from tavola.edge.common.metrics import BUCKETS, METRICS
from tavola.edge.endpoints import RestApi
from tavola.edge.rest import openapi
from tavola.storage.measures import BOUNDS_S

DOCS = Path(__file__).parent
ROOT = DOCS.parent
REFERENCE = DOCS / "reference"
EVENTS = DOCS / "log-events.toml"
SERVER = ("actors", "edge", "games", "storage", "tavola/config", "tavola/stack", "tavola/bots", "tavola")
"""Folders whose code logs. Of `tavola` its own files alone: the rest are links to folders that stand beside it."""
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
MADE = "<!-- Made by docs/generate.py from the code: change it there, then run `make docs`. -->"


def generated() -> dict[Path, str]:
    """Every file that is made, and what must stand in it."""
    makers = {"settings": settings, "metrics": metrics, "log-events": log_events, "cli": cli, "rest": rest}
    return {REFERENCE / f"{name}.md": f"{MADE}\n\n{make().rstrip()}\n" for name, make in makers.items()}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [headings, ["---"] * len(headings), *([_cell(each) for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def page(title: str, *parts: str) -> str:
    """A page of `parts`: prose, which is wrapped, and tables, which are not."""
    return "\n".join([f"# {title}\n", *(each if each.startswith("|") else prose(each) for each in parts)])


def prose(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False) + "\n"


# Settings


def settings() -> str:
    """Name, type, default and meaning."""
    told = field_docstrings()
    rows = [
        (f"`{field.alias}`", _kind(field), _default(field), told[name]) for name, field in Settings.model_fields.items()
    ]
    return page(
        "Settings",
        """Read once, when a process starts: from the environment, or from a file `.env` in the working folder. Times
        are in the unit that the name ends with. A bad value ends the start, with one line that names the setting.""",
        table(("setting", "type", "default", "meaning"), rows),
    )


def field_docstrings() -> dict[str, str]:
    """Field → the text that stands below it in `Settings`."""
    source = ast.parse((ROOT / "tavola" / "config" / "settings.py").read_text())
    body = next(node.body for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    told = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            told[ast.unparse(field.target)] = str(below.value.value)
    return told


def _kind(field: FieldInfo) -> str:
    names = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "true or false",
        Path: "path",
        SecretStr: "text, a secret",
    }
    name = names.get(cast(type, field.annotation), "list")
    if get_origin(field.annotation) is Literal:
        name = ", ".join(f"`{word}`" for word in get_args(field.annotation))
    least = next((str(each.ge) for each in field.metadata if isinstance(each, Ge)), "")
    most = next((f"{each.le:,}" for each in field.metadata if isinstance(each, Le)), "")
    if any(isinstance(each, MinLen) for each in field.metadata):
        name += ", not empty"
    if most:
        return f"{name}, {least} to {most}"
    return f"{name}, at least {least}" if least else name


def _default(field: FieldInfo) -> str:
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return "" if value in ("", ()) else f"`{value}`"


# Metrics


def metrics() -> str:
    """Name, type, labels and meaning."""
    endings = {"gauge": "", "counter": "_total", "histogram": ""}
    rows = [
        (
            f"`{each.name}{endings[each.kind]}`",
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels),
            each.meaning,
        )
        for each in METRICS
    ]
    return page(
        "Metrics",
        f"""`GET /metrics` of each edge, in Prometheus' text format. Most are of that edge alone and count from its
        start. Those with the label `game` or `part`, those of bytes, of rooms by status and of actors are of the
        whole deployment, and every edge tells the same: take one edge's, do not add them up. Those of a game or a part
        are what room actors measured and logged, as of some seconds ago; they outlive actors and edges, and what an
        actor measured since its last beat is lost when it is killed. Also of the whole deployment are
        `tavola_actor_…`, `tavola_actors_…` and `tavola_nodes`. No user, no room and no secret is among the
        labels. Times are in seconds; the buckets end at {_bounds(BUCKETS)}, those of a game at {_bounds(BOUNDS_S)}.""",
        table(("metric", "type", "labels", "meaning"), rows),
        "`command` is a command of [the protocol](protocol.md); `outcome` is `done`, or the code of the refusal;"
        " `event` is one of [the log](log-events.md), which says what it means; lines that a log leaves out are"
        " counted too. So what the log tells of, an alert can ask for: rooms taken over (`room.take_over`), commits of"
        " which it is not known what became (`commit.unknown`), clients that do not read (`socket.slow_consumer`).",
        "`queue`, of an edge: requests that wait for an `answer` of their room's actor, or for a `search` of it. Of"
        " actors: requests that wait for a room's `load`, for the next `commit`, in the one that is under way"
        " (`committing`), for a `view`, until a `refusal` is certain, and questions to `storage` that are under way at"
        " the node's pooler, or for which there is no connection yet. An actor looks every two seconds, and says it"
        " with its beat. Of 10,000 in one actor the next is refused.",
        "`tavola_ray_…` are what Ray told a steward in the last seconds, of the whole cluster: `state` of a node is"
        " `alive` or `dead`, of an actor `alive`, `pending_creation` or `restarting`; `of` is `all` there is of a"
        " resource, or what is `taken`. For all that Ray measures by its dashboard's agent it needs `ray[default]`,"
        " which is not installed with Tavola.",
    )


def _bounds(bounds: Sequence[float]) -> str:
    return ", ".join(f"{bound:g}" for bound in bounds)


# Log events


class Logged(NamedTuple):
    """A call that logs an event."""

    event: str
    level: str
    fields: tuple[str, ...]
    file: str


def log_events() -> str:
    """Each event with its level, fields, place and meaning."""
    meanings = tomllib.loads(EVENTS.read_text())
    calls: dict[str, list[Logged]] = {}
    for call in logged():
        calls.setdefault(call.event, []).append(call)
    rows = []
    for event, mine in sorted(calls.items()):
        levels = ", ".join(dict.fromkeys(call.level for call in mine))
        fields = ", ".join(f"`{name}`" for name in dict.fromkeys(name for call in mine for name in call.fields))
        places = "<br>".join(dict.fromkeys(f"`{call.file}`" for call in mine))
        rows.append((f"`{event}`", levels, fields, meanings.get(event, ""), places))
    return page(
        "Log events",
        """Every process writes lines to its standard output: a time, a level, the event's name, and fields; with
        `TAVOLA_LOG_FORMAT=json` each line is an object (`at`, `level`, `event`, `part`, `pid`, the fields, and
        `traceback`; a field that is called like one of these has `_` after its name), with what libraries say among
        them. `tavola dev` keeps them in the `logs` of its data folder, Ray those of actors; [`tavola
        logs`](../howto/operate.md#logs) shows all of them as one. The first line of a log, `log.began`, says whose it
        is (`part`, `pid`). They hold no secrets: an unexpected error is told by its type
        and the lines it came through, and not by what it says of itself. Of one event there are at most a hundred
        lines at once and then one a second; the next line says how many were `left_out`. After a full disk a line
        `log.lost writes=…` says how many could not be written.""",
        "`(traceback)`: the lines that an error came through follow. `…`: and more fields, by what happened.",
        table(("event", "level", "fields", "meaning", "logged in"), rows),
    )


def logged(root: Path = ROOT) -> Iterator[Logged]:
    """Every call that logs an event, in the order of files and lines. Raises ValueError if an event has no name that
    can be read."""
    for folder in SERVER:
        files = (root / folder).glob("*.py") if folder == "tavola" else (root / folder).rglob("*.py")
        for path in sorted(files):
            yield from _logged_in(path, path.relative_to(root).as_posix())


def _logged_in(path: Path, file: str) -> Iterator[Logged]:
    tree = ast.parse(path.read_text())
    loggers = {
        ast.unparse(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "get_logger(" in ast.unparse(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            if ast.unparse(node.func.value) not in loggers:
                continue
            for event in _named(node.args[0], f"{file}:{node.lineno}"):
                yield Logged(event, node.func.attr.replace("exception", "error"), tuple(_fields(node)), file)


def _named(event: ast.expr, place: str) -> Iterator[str]:
    match event:
        case ast.Constant(value=str(name)):
            yield name
        case ast.IfExp():
            yield from _named(event.body, place)
            yield from _named(event.orelse, place)
        case _:
            raise ValueError(f"{place}: an event's name is a constant")


def _fields(call: ast.Call) -> Iterator[str]:
    names = [keyword.arg for keyword in call.keywords]
    yield from (name for name in names if name and name != "exc_info")
    if None in names:
        yield "…"
    if "exc_info" in names or cast(ast.Attribute, call.func).attr == "exception":
        yield "(traceback)"


# The command line


def cli() -> str:
    """Every command with its options, also of the command lines that `tavola` passes some on to."""
    from tavola import archive, cli, rooms, tokens, upgrade, users
    from tavola.load import cli as load

    group = cast(Any, typer.main.get_command(cli.app))
    deeper = {
        **cast(Any, typer.main.get_command(rooms.app)).commands,
        "load": typer.main.get_command(load.app),
        "archive": typer.main.get_command(archive.app),
        "token": typer.main.get_command(tokens.app),
        "user": typer.main.get_command(users.app),
        "upgrade": typer.main.get_command(upgrade.app),
    }
    commands = [
        _command(*each) for name, command in group.commands.items() for each in _alone(name, deeper.get(name, command))
    ]
    return page("Command line", group.help, "`tavola COMMAND --help` says the same.") + "\n" + "\n".join(commands)


def _alone(name: str, command: Any) -> list[tuple[str, Any]]:
    """The command with its name, or each of its own."""
    own = getattr(command, "commands", None)
    return [(f"{name} {each}", command) for each, command in own.items()] if own else [(name, command)]


def _command(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=f"tavola {name}", terminal_width=100)
    usage = " ".join(("tavola", name, *command.collect_usage_pieces(context)))
    told = [record for each in command.get_params(context) if (record := each.get_help_record(context)) is not None]
    rows = [(f"`{names}`", meaning) for names, meaning in told if names != "--help"]
    parts = [f"## tavola {name}\n", f"```\n{usage}\n```\n", prose(command.help)]
    return "\n".join([*parts, table(("option", "meaning"), rows)] if rows else parts)


# REST


class _Unconnected:
    """Stands where a part of a running edge would: the list of endpoints is made without asking it for anything."""

    def __getattr__(self, name: str) -> _Unconnected:
        return self


def rest() -> str:
    """Method, path, what it does, body and query, for whom."""
    part = cast(Any, _Unconnected())
    document = openapi.document(RestApi(part, part, part, NO_LIMITS, part).endpoints)
    rows = [
        (f"`{method.upper()}`", f"`{path}`", operation["summary"], _asked(operation, document), _for_whom(operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return page(
        "REST",
        """Made from what an edge publishes at `GET /api/openapi.json`, which has the types of all bodies and answers,
        and every status and code. [The protocol](protocol.md) says what a command does, and what all requests have in
        common. `{room}` is a room's id or its code; every change takes an `Idempotency-Key`; an optional field ends
        with `?`.""",
        table(("method", "path", "does", "asks for", "for"), rows),
        """Besides, outside of `/api`: `GET /ws` (the socket), `/healthz`, `/readyz`, `/metrics`, and the pages. The
        operator's endpoints are there only with `TAVOLA_ADMIN_SECRET`, but for those that name a scope: with a token of
        that, [another server](../howto/backend.md) may ask too.""",
    )


def _asked(operation: dict[str, Any], document: dict[str, Any]) -> str:
    names = [_optional(each["name"], each["required"]) for each in operation["parameters"] if each["in"] == "query"]
    asked = [f"query {', '.join(names)}"] if names else []
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        needed = schema.get("required", ())
        asked.append(", ".join(_optional(name, name in needed) for name in schema["properties"]))
    return "; ".join(asked)


def _optional(name: str, needed: bool) -> str:
    return f"`{name}`" if needed else f"`{name}?`"


def _for_whom(operation: dict[str, Any]) -> str:
    if {} in operation["security"]:
        return "anybody"
    scopes = [f", `{scope}`" for each in operation["security"] for scope in each.get("service", ())]
    return ("the operator" if {"operator": []} in operation["security"] else "signed in") + "".join(scopes)


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for path, text in generated().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
