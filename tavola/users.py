"""The operator's commands for one user's data: `tavola user data` and `tavola user forget`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tavola.actors.upkeep.erasure import Erasure
from tavola.actors.wire.commands import RoomId, UserId
from tavola.config.clock import now_ms
from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.edge.identity.personal_data import CommandPlace, PersonalData, asked, asks_erasure, gathered
from tavola.rooms import connected, worked
from tavola.storage.archive_store import store_at
from tavola.storage.postgres import Database

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
ANY_TIME_S = 3600.0
LOOK_S = 0.2


@app.callback()
def user() -> None:
    """All that is kept of a user: to be shown, to be forgotten."""


@app.command()
def data(user: Annotated[str, typer.Argument(metavar="ID", help="The user's id, as the log has it.")]) -> None:
    """All that is kept of them in the database, as one JSON: sessions, parts in rooms, and every command of theirs in
    the log, with what they said. The archive holds what retention took there: `tavola archive show`."""

    async def whole(database: Database) -> PersonalData:
        found = await gathered(database, UserId(user), CommandPlace(), within_s=ANY_TIME_S)
        while found.next is not None:
            more = await gathered(database, UserId(user), found.next, within_s=ANY_TIME_S)
            found = msgspec.structs.replace(more, commands=found.commands + more.commands)
        return found

    typer.echo(msgspec.json.format(msgspec.json.encode(connected(whole))))


@app.command()
def forget(
    user: Annotated[str, typer.Argument(metavar="ID", help="The user's id, as the log has it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget them: in rooms, log, checkpoints and archive a pseudonym takes their place, what they said goes, and so do
    their sessions and tokens. Games can be replayed as before. It cannot be undone, and is done on return; broken off,
    the steward goes on with it."""
    if not yes:
        typer.confirm(f"All that is kept of {user} goes for good. Is that what you want?", abort=True)

    async def work(database: Database, settings: Settings) -> str:
        out = {"user_id": user}
        rows = await database.together(
            ("lock_user", out),
            ("delete_sessions", out),
            ("record_sign_out", out),
            asks_erasure(UserId(user), now_ms()),
        )
        store = store_at(settings.archive) if settings.archive else None
        erasure = Erasure(database, settings.redis_url, store, now_ms, lambda _: None)
        with Console(stderr=True).status(f"Forgetting {user} …"):
            while True:
                await erasure.work()
                if not await database.rows("being_erased", user_id=user):
                    break
                if erasure.unreadable:
                    raise Failure(
                        f"{_some(erasure.unreadable)} cannot be read (`tavola room verify`); all else is done"
                    )
                await asyncio.sleep(LOOK_S)
        return asked(rows).pseudonym

    try:
        pseudonym = worked(work)
    except OSError as error:
        raise Failure(f"not done yet ({error}); the steward goes on with it, and so does this command") from error
    typer.echo(f"{user} is forgotten. {pseudonym} stands in their place.")


def _some(rooms: set[RoomId]) -> str:
    return ", ".join(sorted(rooms)[:5]) + (" and others" if len(rooms) > 5 else "")
