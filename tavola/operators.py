"""`tavola operator`: who may operate this deployment, what they did, and acts at the command line. `add`, `list`,
`remove` and `log` read and write the database; `act` asks an edge."""

from __future__ import annotations

import json as jsons
import os
import re
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import httpx
import typer
from rich.console import Console
from rich.table import Table

from tavola.config.failures import Failure
from tavola.config.settings import completed, read_stack
from tavola.edge.identity.auth import GUEST, fit
from tavola.edge.identity.operators import ADMIN, ROLES, made
from tavola.edge.identity.services import NAMES
from tavola.edge.operating.acts import FOR_ALL, ActName
from tavola.rooms import connected
from tavola.storage.postgres import Conflict, Database

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
ROLE_HELP = "; ".join(f"{name}: {told}" for name, told in ROLES.items())
SECRET = "TAVOLA_OPERATOR_SECRET"
WITHIN_S = 60.0


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Their name, as the list of acts has it: lower case, digits, and _ . -")],
    role: Annotated[str, typer.Option(help=f"{ROLE_HELP}.")] = "look",
    user: Annotated[
        str | None, typer.Option(help="Known by identity tokens of this user of the trusted issuer.")
    ] = None,
) -> None:
    """Makes an operator. Without `--user` their secret is shown, this once: the database keeps its hash alone."""
    if re.fullmatch(NAMES, name) is None or name == ADMIN:
        hint = f"a name has up to 40 letters, digits, and _ . -, and is not {ADMIN}"
        raise typer.BadParameter(hint, param_hint="NAME")
    if role not in ROLES:
        raise typer.BadParameter(f"there is no role {role!r}, only {', '.join(ROLES)}", param_hint="--role")
    if user is not None and (not fit(user) or user.startswith(GUEST)):
        raise typer.BadParameter("guests, and what is no user's id, cannot be operators", param_hint="--user")
    secret, hashed = made()
    given: dict[str, Any] = {"name": name, "role": role, "hash": hashed if user is None else None, "user_id": user}

    async def kept(database: Database) -> None:
        try:
            await database.rows("add_operator", **given)
        except Conflict as error:
            raise Failure(f"there is an operator {name!r} already, or one who is that user") from error

    connected(kept)
    typer.echo(secret if user is None else f"{name}: by the tokens of {user}")


@app.command(name="list")
def listed(json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """The operators there are. Besides them, `admin` is whoever knows TAVOLA_ADMIN_SECRET."""
    rows = connected(lambda database: database.rows("operators"))
    times = ("created_at", "used_at")
    found: list[dict[str, Any]] = [
        {name: row[name] for name in ("name", "role", "user_id")}
        | {name: row[name].isoformat(timespec="seconds") if row[name] is not None else None for name in times}
        for row in rows
    ]
    if json:
        typer.echo(jsons.dumps(found, indent=2))
        return
    table = Table("name", "role", "known by", *times, box=None, header_style="bold")
    for each in found:
        known = f"user {each['user_id']}" if each["user_id"] else "a secret"
        table.add_row(each["name"], each["role"], known, each["created_at"], each["used_at"] or "never")
    Console().print(table if found else "There are no operators.")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The name they were added with.")]) -> None:
    """Takes an operator's rights: within five seconds no edge lets them in any more. Their acts stay listed."""
    if not connected(lambda database: database.rows("remove_operator", name=name)):
        raise Failure(f"there is no operator {name!r}")
    typer.echo(f"{name}: removed; no edge lets them in after five seconds")


@app.command()
def log(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The acts of operators, newest first. The database lets nobody change this list, or take anything from it."""
    rows = connected(lambda database: database.rows("acts", before=None, most=limit))
    found = [
        {
            "number": row["number"],
            "at": datetime.fromtimestamp(row["at"] / 1000, UTC).isoformat(timespec="seconds"),
            "operator": row["operator"],
            "act": row["act"],
            "told": jsons.loads(row["told"]),
            "outcome": row["outcome"],
        }
        for row in rows
    ]
    if json:
        typer.echo(jsons.dumps(found, indent=2))
        return
    table = Table("number", "at", "operator", "act", "told", "outcome", box=None, header_style="bold")
    for each in found:
        told = " ".join(f"{name}={value}" for name, value in each["told"].items() if name != "act")
        outcome = each["outcome"] or "not known"
        table.add_row(str(each["number"]), each["at"], each["operator"], each["act"], told, outcome)
    Console().print(table if found else "No operator has done anything.")


@app.command()
def act(
    name: Annotated[str, typer.Argument(metavar="ACT", help=f"{', '.join(get_args(ActName))}.")],
    room: Annotated[str | None, typer.Option(help="The room's id or code.")] = None,
    user: Annotated[str | None, typer.Option(help="A user's id.")] = None,
    address: Annotated[str | None, typer.Option(help="An IP address, or a network (CIDR).")] = None,
    actor: Annotated[str | None, typer.Option()] = None,
    node: Annotated[str | None, typer.Option()] = None,
    edge: Annotated[str | None, typer.Option(help="As /admin shows it.")] = None,
    text: Annotated[str | None, typer.Option(help="To be announced.")] = None,
    ban: Annotated[bool, typer.Option("--ban", help="With kick: they may not come back to the room.")] = False,
    minutes: Annotated[int | None, typer.Option(min=1, help="How long a ban or a mute lasts. Else: for good.")] = None,
    reason: Annotated[str | None, typer.Option(help="Kept, and told to whoever is kept out.")] = None,
    url: Annotated[str | None, typer.Option(help="Of an edge. (default: of the `tavola dev` that runs here)")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Says what an act will do, asks, and does it. Your secret is read from TAVOLA_OPERATOR_SECRET, or
    TAVOLA_ADMIN_SECRET."""
    if name not in get_args(ActName):
        raise typer.BadParameter(f"there is no act {name!r}, only {', '.join(get_args(ActName))}", param_hint="ACT")
    settings = completed()
    secret = os.environ.get(SECRET, "") or settings.admin_secret.get_secret_value()
    if not secret:
        raise Failure(f"set {SECRET} to your secret")
    where = url or read_stack(settings.data_dir).get("url")
    if not where:
        raise Failure(f"no `tavola dev` runs on {settings.data_dir}; name an edge by --url")
    given = {
        "act": name, "room": room, "user_id": user, "address": address, "actor": actor, "node": node, "edge": edge,
        "text": text, "ban": ban or None, "minutes": minutes, "reason": reason,
    }  # fmt: skip
    asked = {name: value for name, value in given.items() if value is not None}
    with httpx.Client(base_url=str(where), headers={"Authorization": f"Bearer {secret}"}, timeout=WITHIN_S) as client:
        plan = _asked(client, asked)
        if not yes:
            more = " It cannot be undone." if name in FOR_ALL else ""
            typer.confirm(f"{plan['does']}{more} Is that what you want?", abort=True)
        done = _asked(client, {**asked, "confirm": plan["confirm"]})
    typer.echo(f"{done['does']} Done, as act {done['number']}.")


def _asked(client: httpx.Client, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        reply = client.post("/api/admin/acts", json=asked)
    except httpx.HTTPError as error:
        raise Failure(f"{client.base_url} does not answer ({error})") from error
    try:
        answer: dict[str, Any] = reply.json()
    except ValueError:
        raise Failure(f"{client.base_url} is no edge of Tavola's (status {reply.status_code})") from None
    if reply.is_error:
        no = answer["error"]
        hint = " Has that edge TAVOLA_ADMIN_SECRET or TAVOLA_ADMIN?" if no["code"] == "not_found" else ""
        raise Failure(f"{no['message']} ({no['code']}){hint}")
    return answer
