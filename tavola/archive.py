"""The operator's archive: `tavola archive`. All that is read is checked against its manifest; nothing is changed."""

from __future__ import annotations

import asyncio
import json as jsons
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tavola.config.failures import Failure
from tavola.config.settings import Settings, load
from tavola.storage.archive_store import ArchiveStore, ArchiveUnavailable, store_at
from tavola.storage.archives import ArchivedRow, Manifest, manifest_of, manifests, rows_of
from tavola.storage.postgres import Database, StorageUnavailable

app = typer.Typer(
    help="The archive (TAVOLA_ARCHIVE): the rows that retention took out of the database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
T = TypeVar("T")

TABLES = ("hands", "checkpoints", "actions")
PAGE = 1000

MaybeNames = Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="All, if none is given.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…", help="As `list` shows them.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
OfRoom = Annotated[str | None, typer.Option("--room", help="Only rows of the room of this id.")]


@app.command("list")
def list_command(json: Json = False) -> None:
    """Every file: what it holds, of which day, how many rows and bytes."""
    found = _read(lambda store: list(manifests(store)))
    if json:
        typer.echo(jsons.dumps([msgspec.to_builtins(each) for each in found], indent=2))
        return
    table = Table("name", "kind", "rows", "bytes", "made", box=None, header_style="bold")
    for each in found:
        table.add_row(each.name, each.kind, f"{each.rows:,}", f"{each.bytes:,}", _iso(each.made_at))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 240
    console.print(table if found else "There is nothing in the archive yet.")


@app.command()
def show(name: Annotated[str, typer.Argument(help="As `list` shows it.")], room: OfRoom = None) -> None:
    """The rows of a file, as JSON lines: {"table", "row"}. All of it is checked on the way."""

    def shown(store: ArchiveStore) -> None:
        for each in _of_room(rows_of(store, _manifest(store, name)), room):
            typer.echo(msgspec.json.encode(each))

    _read(shown)


@app.command()
def verify(names: MaybeNames = None) -> None:
    """Reads files to their ends, and compares rows and checksums with their manifests. Exit code 1 if one differs."""

    def checked(store: ArchiveStore) -> list[str]:
        wrong = []
        found = [_manifest(store, name) for name in names] if names else list(manifests(store))
        with _progress() as progress:
            for each in progress.track(found, description="verifying"):
                try:
                    for _ in rows_of(store, each):
                        pass
                    progress.console.print(f"{each.name}: {each.rows} rows, as they were written")
                except ArchiveUnavailable as error:
                    wrong.append(str(error))
        return wrong

    wrong = _read(checked)
    if wrong:
        raise Failure("\n".join(wrong))


@app.command()
def restore(names: Names, room: OfRoom = None) -> None:
    """Puts the rows of files into the database again: into the tables hands, checkpoints and actions of the schema
    `restored`, beside those that are played with. Rows that are there already stay, so it may be done twice. `DROP
    SCHEMA restored CASCADE` takes them away."""
    settings = load()
    store = _store(settings)

    async def put() -> dict[str, int]:
        database = await Database.connect(settings.database_url, least=1, most=1)
        try:
            await _tables(database)
            total: dict[str, int] = {}
            with _progress() as progress:
                for name in names:
                    manifest = _manifest(store, name)
                    task = progress.add_task(f"restoring {name}", total=manifest.rows)
                    rows = rows_of(store, manifest)
                    while page := list(islice(rows, PAGE)):
                        for table, count in (await _put(database, list(_of_room(iter(page), room)))).items():
                            total[table] = total.get(table, 0) + count
                        progress.advance(task, len(page))
            return total
        finally:
            await database.close()

    try:
        total = asyncio.run(put())
    except ArchiveUnavailable as error:
        raise Failure(f"the archive cannot be read ({error})") from error
    except StorageUnavailable as error:
        raise Failure(f"the database does not answer ({error})") from error
    told = ", ".join(f"{count} of restored.{table}" for table, count in total.items() if count)
    typer.echo(f"rows put: {told}" if told else "all of these rows are there already")


async def _tables(database: Database) -> None:
    await database.rows("restored_schema")
    for query in ("restored_hands", "restored_hands_once", "restored_actions", "restored_actions_once"):
        await database.rows(query)
    for query in ("restored_checkpoints", "restored_checkpoints_once"):
        await database.rows(query)


async def _put(database: Database, rows: list[ArchivedRow]) -> dict[str, int]:
    """How many of these rows were not there yet, by table."""
    put = {}
    for table in TABLES:
        mine = [row.row for row in rows if row.table == table]
        if mine:
            text = msgspec.json.encode(mine).decode()
            done = await database.row(f"restore_{table}", rows=text, within_s=60.0)
            assert done is not None
            put[table] = int(done["put"])
    return put


class _OfRoom(msgspec.Struct):
    room_id: str


_room_of = msgspec.json.Decoder(_OfRoom).decode


def _of_room(rows: Iterator[ArchivedRow], room: str | None) -> Iterator[ArchivedRow]:
    return rows if room is None else (row for row in rows if _room_of(row.row).room_id == room)


def _manifest(store: ArchiveStore, name: str) -> Manifest:
    manifest = manifest_of(store, name)
    if manifest is None:
        raise Failure(f"there is no {name!r} in the archive; `tavola archive list` shows what there is")
    return manifest


def _store(settings: Settings) -> ArchiveStore:
    if not settings.archive:
        raise Failure("TAVOLA_ARCHIVE is not set: this deployment has no archive")
    try:
        return store_at(settings.archive)
    except ArchiveUnavailable as error:
        raise Failure(f"the archive cannot be reached ({error})") from error


def _read(work: Callable[[ArchiveStore], T]) -> T:
    store = _store(Settings())
    try:
        return work(store)
    except ArchiveUnavailable as error:
        raise Failure(f"the archive cannot be read ({error})") from error


def _progress() -> Progress:
    """On a terminal; elsewhere it says nothing."""
    console = Console(stderr=True, highlight=False)
    return Progress(console=console, transient=True, disable=False)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
