"""The operator's commands for webhooks: `tavola webhook`. Reads and writes the database; an edge delivers."""

from __future__ import annotations

import json as jsons
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.edge.feed import reader, signing
from tavola.edge.feed.cursor import Cursor
from tavola.edge.feed.webhooks import HOOKS_LIMIT, unfit
from tavola.edge.identity.services import NAMES
from tavola.rooms import connected, worked
from tavola.storage.postgres import Conflict, Database

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
LISTED = 200
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Named = Annotated[str, typer.Argument(help="The name it was added with.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name for it, such as shop: lower case, digits, and _ . -")],
    url: Annotated[str, typer.Argument(help="Where batches are sent to: https, or http on this machine.")],
    game: Annotated[str | None, typer.Option(help="Of this game's rooms alone.")] = None,
    whole: Annotated[bool, typer.Option(help="The whole of it, and not as spectators see it.")] = False,
    beginning: Annotated[bool, typer.Option(help="From the first that the log has, and not from now on.")] = False,
    tries: Annotated[int, typer.Option(min=1, max=100, help="After so many, a batch is a dead letter.")] = 10,
    plain: Annotated[bool, typer.Option(help="By http to other machines too: everybody between can read it.")] = False,
) -> None:
    """Has the feed sent there. Shows the secret by which it is signed, this once."""
    if re.fullmatch(NAMES, name) is None:
        raise typer.BadParameter("a name has up to 40 letters, digits, and _ . - after the first", param_hint="NAME")
    if (why := unfit(url, plain=plain)) is not None:
        raise typer.BadParameter(why, param_hint="URL")
    secret = signing.made()

    async def kept(database: Database, settings: Settings) -> None:
        place = Cursor() if beginning else await reader.newest(database)
        given: dict[str, Any] = {
            "name": name,
            "url": url,
            "game": game,
            "whole": whole,
            "secret": signing.sealed(settings.secrets, name, secret),
            "place": place.text(),
            "most_tries": tries,
            "most": HOOKS_LIMIT,
        }
        try:
            if not await database.rows("add_webhook", **given):
                raise Failure(f"there are {HOOKS_LIMIT} webhooks, and no more are delivered")
        except Conflict as error:
            raise Failure(f"there is a webhook {name!r} already; remove it first, or choose another name") from error

    worked(kept)
    typer.echo(secret)


@app.command(name="list")
def listed(json: Json = False) -> None:
    """The webhooks there are, and how each fares."""
    rows = connected(lambda database: database.rows("webhooks"))
    columns = ("name", "url", "game", "whole", "tries", "failed", "dead")
    hooks: list[dict[str, Any]] = [
        {name: row[name] for name in columns} | {"delivered_at": _iso(row["delivered_at"])} for row in rows
    ]
    if json:
        typer.echo(jsons.dumps(hooks, indent=2))
        return
    table = Table(*columns, "delivered", box=None, header_style="bold")
    for hook in hooks:
        table.add_row(*("-" if value is None else str(value) for value in hook.values()))
    Console().print(table if hooks else "There are no webhooks.")


@app.command()
def remove(name: Named) -> None:
    """Nothing is sent there any more; its dead letters go too."""
    if not connected(lambda database: database.rows("remove_webhook", name=name)):
        raise Failure(f"there is no webhook {name!r}")
    typer.echo(f"{name}: removed")


@app.command()
def dead(name: Named, json: Json = False) -> None:
    """The batches that were given up, the oldest first."""
    rows = connected(lambda database: database.rows("dead_letters", name=name, most=LISTED))
    letters: list[dict[str, Any]] = [
        {"number": row["number"], "at": _iso(row["at"])} | {each: row[each] for each in ("updates", "failed", "again")}
        for row in rows
    ]
    if json:
        typer.echo(jsons.dumps(letters, indent=2))
        return
    table = Table("number", "given up at", "updates", "failed", "to be tried again", box=None, header_style="bold")
    for letter in letters:
        table.add_row(*map(str, letter.values()))
    Console().print(table if letters else "There are no dead letters.")


@app.command()
def retry(
    name: Named,
    number: Annotated[int | None, typer.Argument(help="Of one of them; else all are tried again.")] = None,
) -> None:
    """Has dead letters sent once more."""
    rows = connected(lambda database: database.rows("retry_dead_letters", name=name, number=number))
    if not rows:
        raise Failure(f"there is no such dead letter of {name!r}")
    typer.echo(f"{name}: {len(rows)} to be tried again")


def _iso(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
