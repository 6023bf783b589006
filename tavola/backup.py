"""`tavola backup` and `tavola restore`: the whole database in a folder, and out of it again."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from tavola.config.failures import Failure
from tavola.config.keys import Secrets
from tavola.config.settings import Settings, completed, lock, write_private
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.postgres_dump import dump, load
from tavola.storage.fingerprint import SETTING, SecretTurn
from tavola.storage.migrate import migrate, shipped
from tavola.storage.postgres import QUERIES, Database, StorageUnavailable

SQL = "database.sql.gz"
MANIFEST = "manifest.json"
FORMAT = 1
DAY_GOES_WITHIN_S = 70.0
"""A little more than what a day of the log may take to go."""
SECRET_FILE = "jwt-secret"
"""Of the data folder, as `tavola dev` has it."""


class BackedUpSecret(msgspec.Struct):
    """The fingerprint of the secret that the database was used with, in hexadecimal: it tells whether another secret is
    the same, and nothing else. `other`: of one that was accepted as well."""

    salt: str
    newest: str
    other: str | None

    def known(self, secrets: Secrets) -> bool:
        other = bytes.fromhex(self.other or "") or None
        turn = SecretTurn(0, bytes.fromhex(self.salt), bytes.fromhex(self.newest), other)
        return any(turn.uses(each) or turn.accepts(each) for each in secrets.all)


class BackupManifest(msgspec.Struct):
    """Written last: a folder without it holds no whole backup."""

    format: int
    tavola: str
    taken_at: str
    server: str
    migrations: list[str]
    secret: BackedUpSecret | None
    sql_bytes: int
    file_bytes: int
    sha256: str


def backup(folder: Path, *, as_json: bool) -> None:
    settings = completed()
    if not settings.database_url:
        raise Failure(f"DATABASE_URL is not set, and no `tavola dev` runs on {settings.data_dir}")
    if folder.exists() and any(folder.iterdir()):
        raise Failure(f"{folder} is not empty: a backup gets a folder of its own")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = datetime.now(UTC)
    about, secret = asyncio.run(_about(settings.database_url))
    with _progress() as progress, _days_held(settings.database_url):
        task = progress.add_task("backing up", total=None)
        done = dump(settings.database_url, folder / SQL, lambda size: progress.advance(task, size))
    manifest = BackupManifest(
        FORMAT, version("tavola"), began.isoformat(timespec="seconds"), about["server"], list(about["migrations"]),
        secret, *done,
    )  # fmt: skip
    write_private(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)).decode())
    _sync(folder)
    if as_json:
        typer.echo(msgspec.json.encode(manifest))
        return
    typer.echo(f"{folder}: {_size(done.sql_bytes)} as of {manifest.taken_at}, {_size(done.file_bytes)} compressed")
    typer.echo(f"It is of no use without the deployment's secret ({SETTING}): keep that too, elsewhere.")
    if settings.archive:
        typer.echo(f"The archive, {settings.archive}, is not in it.")


def restore(folder: Path, *, replace: bool, new_secret: bool) -> None:
    manifest = checked(folder)
    settings = completed()
    asyncio.run(_restored(folder, manifest, settings, replace=replace, new_secret=new_secret))


def checked(folder: Path) -> BackupManifest:
    """The backup in it, whole. Raises `Failure`."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=BackupManifest)
    except FileNotFoundError:
        raise Failure(f"{folder} holds no whole backup: there is no {MANIFEST}") from None
    except msgspec.MsgspecError as error:
        raise Failure(f"{folder / MANIFEST} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise Failure(f"{folder} was made by another release: format {manifest.format}, and this reads {FORMAT}")
    here = {each.name for each in shipped()}
    if unknown := sorted(set(manifest.migrations) - here):
        raise Failure(f"{folder} was made by a later release (Tavola {manifest.tavola}): it has {unknown[-1]}")
    digest = hashlib.sha256()
    with _progress() as progress, (folder / SQL).open("rb") as file:
        task = progress.add_task("checking", total=manifest.file_bytes)
        while data := file.read(1 << 20):
            digest.update(data)
            progress.advance(task, len(data))
    if digest.hexdigest() != manifest.sha256:
        raise Failure(f"{folder / SQL} is not what was backed up: its checksum differs")
    return manifest


async def _restored(
    folder: Path, manifest: BackupManifest, settings: Settings, *, replace: bool, new_secret: bool
) -> None:
    async with _postgres(settings) as (url, secrets, embedded):
        if manifest.secret is not None and not new_secret and (secrets is None or not manifest.secret.known(secrets)):
            where = f", or put it into {settings.data_dir / SECRET_FILE}" if embedded else ""
            raise Failure(
                f"{folder} belongs to another secret than the one here: give the one of then as {SETTING}{where}; "
                "or, by --new-secret, go on with this one: everybody is signed out then"
            )
        await _demand_room(url, replace)
        with _progress() as progress:
            task = progress.add_task("restoring", total=manifest.sql_bytes)
            before, after = QUERIES["clear_database"].text, QUERIES["settle_restored"].text
            if new_secret:
                after += f";\n{QUERIES['forget_secrets'].text}"
            await asyncio.to_thread(load, url, folder / SQL, before, after, lambda size: progress.advance(task, size))
        applied = await migrate(url)
        if embedded and secrets is not None and not (settings.data_dir / SECRET_FILE).exists():
            write_private(settings.data_dir / SECRET_FILE, secrets.newest.decode())
    typer.echo(f"restored: the database is as it was at {manifest.taken_at}")
    for name in applied:
        typer.echo(f"applied {name}, which is newer than the backup")


async def _demand_room(url: str, replace: bool) -> None:
    """Raises `Failure` for a database in which there is something, unless that is to go."""
    database = await _connected(url)
    try:
        found = await database.row("database_tables")
        assert found is not None
        if replace or not found["tables"]:
            return
        if not found["ours"]:
            raise Failure("the database holds tables that are not Tavola's: give another, or --replace to drop them")
        row = await database.row("database_filled")
        assert row is not None
        if row["filled"] or row["actors"]:
            why = (
                "a stack is at work on it, or was some seconds ago"
                if row["actors"]
                else "there are rooms or sessions in it"
            )
            raise Failure(f"the database is in use ({why}): with --replace all of it goes for the backup")
    finally:
        await database.close()


@asynccontextmanager
async def _postgres(settings: Settings) -> AsyncIterator[tuple[str, Secrets | None, bool]]:
    """The database to restore to, the secrets here, and whether it is the one of the data folder, started for this."""
    given = settings.jwt_secret.get_secret_value()
    if settings.database_url:
        yield settings.database_url, settings.secrets, False
        return
    folder = settings.data_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "lock").touch(mode=0o600)
    kept = folder / SECRET_FILE
    secret = given or (kept.read_text().strip() if kept.exists() else "")
    with lock(folder):
        postgres = EmbeddedPostgres(folder / "postgres")
        try:
            url = await postgres.start()
            yield url, Secrets(secret.encode()) if secret else None, True
        finally:
            await postgres.stop()


@contextmanager
def _days_held(url: str) -> Iterator[None]:
    """Meanwhile no table goes that pg_dump has read of."""
    with asyncio.Runner() as loop:
        holding = _holding(url)
        loop.run(holding.__aenter__())
        try:
            yield
        finally:
            # Lost meanwhile, it was of use all the same: pg_dump locks its tables in its first moments.
            with suppress(StorageUnavailable):
                loop.run(holding.__aexit__(None, None, None))


@asynccontextmanager
async def _holding(url: str) -> AsyncIterator[None]:
    database = await _connected(url)
    try:
        async with database.transaction() as rows:
            await rows("hold_log_days", within_s=DAY_GOES_WITHIN_S)
            yield
    finally:
        await database.close()


async def _connected(url: str) -> Database:
    try:
        return await Database.connect(url, least=1, most=1)
    except StorageUnavailable as error:
        raise Failure(f"the database does not answer ({error})") from error


async def _about(url: str) -> tuple[Any, BackedUpSecret | None]:
    database = await _connected(url)
    try:
        about = await database.row("database_about")
        turns = await database.rows("secret_turns")
    finally:
        await database.close()
    if not turns:
        return about, None
    last = turns[-1]
    other = last["other"].hex() if last["other"] is not None else None
    return about, BackedUpSecret(last["salt"].hex(), last["newest"].hex(), other)


def _progress() -> Progress:
    """On a terminal; elsewhere it says nothing."""
    return Progress(console=Console(stderr=True, highlight=False), transient=True)


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
