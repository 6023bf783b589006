"""The operator's commands for the tokens of other servers: `tavola token`. Reads and writes the database."""

from __future__ import annotations

import json as jsons
import re
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tavola.config.failures import Failure
from tavola.edge.identity.services import NAMES, SCOPES, made
from tavola.rooms import connected
from tavola.storage.postgres import Conflict, Database

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
SCOPE_HELP = f"May be given again. {'; '.join(f'{name}: {told}' for name, told in SCOPES.items())}."
DAYS_MOST = 3650


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="A name for the server, such as shop: lower case, digits, and _ . -")],
    scope: Annotated[list[str], typer.Option(help=SCOPE_HELP)],
    days: Annotated[int | None, typer.Option(min=1, max=DAYS_MOST, help="How long it is good. Else: for good.")] = None,
) -> None:
    """Makes a token, and shows it this once: the database keeps no more than its hash."""
    if re.fullmatch(NAMES, name) is None:
        raise typer.BadParameter("a name has up to 40 letters, digits, and _ . - after the first", param_hint="NAME")
    unknown = sorted(set(scope) - SCOPES.keys())
    if unknown:
        raise typer.BadParameter(f"there is no scope {unknown[0]!r}, only {', '.join(SCOPES)}", param_hint="--scope")
    token, hashed = made()

    async def kept(database: Database) -> None:
        try:
            await database.rows("keep_service_token", name=name, hash=hashed, scopes=sorted(set(scope)), days=days)
        except Conflict as error:
            raise Failure(f"there is a token {name!r} already; revoke it first, or choose another name") from error

    connected(kept)
    typer.echo(token)


@app.command(name="list")
def listed(json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """The tokens there are: what each is for, and when it was used last."""
    rows = connected(lambda database: database.rows("service_tokens"))
    times = ("created_at", "expires_at", "used_at")
    tokens = [
        {"name": row["name"], "scopes": list(row["scopes"])}
        | {name: row[name].isoformat(timespec="seconds") if row[name] is not None else None for name in times}
        | {"expired": bool(row["expired"])}
        for row in rows
    ]
    if json:
        typer.echo(jsons.dumps(tokens, indent=2))
        return
    table = Table("name", "scopes", *times, box=None, header_style="bold")
    for token in tokens:
        ends = f"{token['expires_at']} (expired)" if token["expired"] else token["expires_at"] or "never"
        table.add_row(token["name"], " ".join(token["scopes"]), token["created_at"], ends, token["used_at"] or "never")
    Console().print(table if tokens else "There are no service tokens.")


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The name it was made with.")]) -> None:
    """Ends a token: within five seconds no edge takes it any more."""
    if not connected(lambda database: database.rows("revoke_service_token", name=name)):
        raise Failure(f"there is no token {name!r}")
    typer.echo(f"{name}: revoked; no edge takes it after five seconds")
