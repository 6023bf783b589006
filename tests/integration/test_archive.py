"""The archive, on a real Postgres: what goes is there before, once, whenever whoever writes it is killed."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from kit.hosts import connected, hosting
from kit.lives import closed, kept_elsewhere, played
from kit.rooms import START_MS
from tavola.actors.upkeep.retention import DAY_MS
from tavola.archive import app
from tavola.storage.archive_store import ArchiveStore, FolderStore, UrlStore, store_at
from tavola.storage.archives import (
    MANIFEST,
    ROWS,
    ArchiveDamaged,
    ArchiveWriter,
    list_file,
    manifests,
    rows_of,
    verified,
)

TABLES = ("hands", "actions", "checkpoints")
POINTS = ("archive.decided", "archive.written", "archive.listed", "archive.going", "archive.gone")
DAYS = {"TAVOLA_KEEP_HANDS_DAYS": 1, "TAVOLA_KEEP_LOG_DAYS": 5, "TAVOLA_KEEP_CHAT_DAYS": 0}
STARTED = datetime.fromtimestamp(START_MS / 1000, UTC).date()
HANDS_A_DAY = 1100
"""More than are removed, or read, at once."""

Rows = Counter[tuple[str, str]]
"""(table, row) → how often."""


def normal(row: Any) -> str:
    return json.dumps(row, sort_keys=True)


async def in_tables(truth: asyncpg.Connection[Any], where: str = "true", schema: str = "public") -> Rows:
    found: Rows = Counter()
    for table in TABLES:
        read = f"{schema}.{table}"
        if read == "public.checkpoints":
            read = "(SELECT room_id, seq, state, at FROM kept_states)"
        for row in await truth.fetch(f"SELECT row_to_json(t)::text AS row FROM {read} t WHERE {where}"):
            found[table, normal(json.loads(row["row"]))] += 1
    return found


def in_archive(store: ArchiveStore) -> Rows:
    """Of all files that count; each is found to be what it should."""
    found: Rows = Counter()
    for manifest in manifests(store):
        for row in rows_of(store, manifest):
            found[row.table, normal(json.loads(bytes(row.row)))] += 1
    return found


async def lived(url: str) -> tuple[int, list[str], str]:
    """A deployment with a few old rooms and many old hands: now (ms), the closed rooms, and the one that goes on."""
    async with connected(url) as database, hosting(database, "a") as table:
        # The hosts' clock stands at a day that is long over.
        await database.rows("make_log_days", first=STARTED, last=STARTED)
        gone = [await closed(database, table) for _ in range(3)]
        stays, _ = await played(database, table)
        truth = await asyncpg.connect(url, ssl=False)
        now: int = await truth.fetchval("SELECT max(closed_at) FROM rooms") + 8 * DAY_MS
        await truth.executemany(
            "INSERT INTO hands (room_id, game, number, started_at, ended_at, record) VALUES ($1, 9, $2, 1, $3, $4)",
            [
                (stays, number, now - (3 + number % 2) * DAY_MS, '{"cards": [\n"Ah", "2c"]}')
                for number in range(2 * HANDS_A_DAY)
            ],
        )
        await truth.close()
    return now, [str(room) for room in gone], str(stays)


@pytest.mark.parametrize(
    "points",
    [*(pytest.param((point,), marks=pytest.mark.long) for point in POINTS), POINTS],
    ids=lambda points: "+".join(points),
)
async def test_a_crash_at_any_moment_loses_no_row_and_doubles_none(
    points: tuple[str, ...], database_url: str, tmp_path: Path
) -> None:
    now, gone, stays = await lived(database_url)
    archive, crash = tmp_path / "archive", tmp_path / "crash"
    crash.mkdir()
    settings = {"TAVOLA_ARCHIVE": archive, "TAVOLA_ARCHIVE_LOGS": "true", **DAYS}
    truth = await asyncpg.connect(database_url, ssl=False)
    try:
        before = await in_tables(truth)
        for point in points:
            (crash / point).touch()
            code = await asyncio.to_thread(kept_elsewhere, database_url, now, crash, **settings)
            assert code == -9, f"killed at {point}"
            assert len(list(crash.glob(f"{point}.hit.*"))) == 1
            there = await in_tables(truth) + in_archive(FolderStore(archive))
            assert before.keys() <= there.keys(), "no row is lost meanwhile"
        for _ in range(2):
            assert await asyncio.to_thread(kept_elsewhere, database_url, now, crash, **settings) == 0
            left, kept = await in_tables(truth), in_archive(FolderStore(archive))
            assert left + kept == before, "each row is in one of them, once"
        assert {json.loads(row)["room_id"] for _, row in left} == {stays}
        assert {json.loads(row)["room_id"] for _, row in kept} == {stays, *gone}
        assert await truth.fetchval("SELECT count(*) FROM log") == 0, "the day is gone"
        assert [table for table, _ in left] == ["checkpoints"], "a room's last stays"
        kinds = [row["kind"] for row in await truth.fetch("SELECT kind FROM archives ORDER BY kind")]
        assert kinds == ["hands", "hands", "hands", "log", "rooms"], "each day once"
        assert await truth.fetchval("SELECT count(*) FROM archives WHERE finished_at IS NULL") == 0
        names = {path.name.removesuffix(MANIFEST).removesuffix(ROWS) for path in archive.iterdir()}
        assert names == {manifest.name for manifest in manifests(FolderStore(archive))}, "nothing else lies there"
    finally:
        await truth.close()


async def test_what_a_host_removes_goes_nowhere(database_url: str, tmp_path: Path) -> None:
    now, (asked, *_), _ = await lived(database_url)
    async with connected(database_url) as database:
        assert await database.row("ask_removal", room_id=asked, at=now) is not None
    settings = {"TAVOLA_ARCHIVE": tmp_path / "archive", "TAVOLA_ARCHIVE_LOGS": "true"}
    assert await asyncio.to_thread(kept_elsewhere, database_url, now, tmp_path, **settings) == 0
    kept = in_archive(FolderStore(tmp_path / "archive"))
    assert kept
    assert asked not in {json.loads(row)["room_id"] for _, row in kept}


async def test_what_cannot_be_archived_stays(database_url: str, tmp_path: Path) -> None:
    now, gone, _ = await lived(database_url)
    (tmp_path / "archive").write_text("a file, where a folder should be")
    settings = {"TAVOLA_ARCHIVE": tmp_path / "archive", "TAVOLA_KEEP_HANDS_DAYS": 1}
    truth = await asyncpg.connect(database_url, ssl=False)
    try:
        before = await in_tables(truth)
        assert await asyncio.to_thread(kept_elsewhere, database_url, now, tmp_path, **settings) == 1
        assert await in_tables(truth) == before
        (tmp_path / "archive").unlink()
        assert await asyncio.to_thread(kept_elsewhere, database_url, now, tmp_path, **settings) == 0
        assert await truth.fetchval("SELECT count(*) FROM rooms WHERE id = ANY ($1)", gone) == 0
    finally:
        await truth.close()


async def test_the_operator_lists_shows_verifies_and_restores(database_url: str, tmp_path: Path) -> None:
    now, gone, _ = await lived(database_url)
    archive = tmp_path / "archive"
    settings = {"TAVOLA_ARCHIVE": archive, "TAVOLA_ARCHIVE_LOGS": "true", **DAYS, "TAVOLA_KEEP_LOG_DAYS": 30}
    truth = await asyncpg.connect(database_url, ssl=False)
    try:
        before = await in_tables(truth)
        assert await asyncio.to_thread(kept_elsewhere, database_url, now, tmp_path, **settings) == 0
        environment = {
            "TAVOLA_ARCHIVE": str(archive), "DATABASE_URL": database_url, "TAVOLA_JWT_SECRET": "s" * 32,
            "REDIS_URL": "redis://localhost", "RAY_ADDRESS": "localhost:1", "TAVOLA_DATA_DIR": str(tmp_path),
        }  # fmt: skip

        async def asked(*words: str) -> tuple[int, str]:
            done = await asyncio.to_thread(CliRunner(env=environment).invoke, app, list(words))
            return done.exit_code, done.output + (str(done.exception) if done.exception else "")

        files = json.loads((await asked("list", "--json"))[1])
        assert {each["kind"] for each in files} == {"rooms", "hands"}
        names = [each["name"] for each in files]
        listed = (await asked("list"))[1]
        assert all(name in listed for name in names)
        code, said = await asked("verify")
        assert code == 0
        assert all(name in said for name in names)
        rooms = next(name for name in names if name.startswith("rooms"))
        lines = [json.loads(line) for line in (await asked("show", rooms, "--room", gone[1]))[1].splitlines()]
        assert {line["row"]["room_id"] for line in lines} == {gone[1]}
        assert {line["table"] for line in lines} == set(TABLES)

        code, said = await asked("restore", *names, "--room", gone[0])
        assert code == 0
        restored = await in_tables(truth, schema="restored")
        assert {json.loads(row)["room_id"] for _, row in restored} == {gone[0]}
        assert (await asked("restore", *names))[0] == 0
        assert await in_tables(truth, schema="restored") + await in_tables(truth) == before, "to the letter, once"
        assert "are there already" in (await asked("restore", *names))[1]

        assert "there is no 'nonsense'" in (await asked("show", "nonsense"))[1]
        environment["TAVOLA_ARCHIVE"] = ""
        assert "TAVOLA_ARCHIVE is not set" in (await asked("list"))[1]
        environment["TAVOLA_ARCHIVE"] = str(archive)
        file = archive / f"{rooms}{ROWS}"
        text = gzip.decompress(file.read_bytes())
        file.write_bytes(gzip.compress(text.replace(b'"game":1', b'"game":2', 1)))
        code, said = await asked("verify")
        assert code == 1
        assert f"{rooms}: its checksum is another" in said
    finally:
        await truth.close()


@pytest.mark.parametrize("kind", ["folder", "file", "memory"])
def test_a_store_has_files_whole_or_not_at_all(kind: str, tmp_path: Path) -> None:
    location = {"folder": str(tmp_path / "a" / "b"), "file": f"file://{tmp_path}/c", "memory": f"memory://{tmp_path}"}
    store = store_at(location[kind])
    assert isinstance(store, FolderStore if kind == "folder" else UrlStore)
    assert (store.names(), store.has("one")) == ([], False)
    writer = ArchiveWriter(store, "one", "hands", "20260101", 5)
    writer.add("hands", ['{"a":\n1}', '{"a":"two\\n"}'])
    assert store.names() == [], "it is written beside"
    manifest = writer.finish()
    writer.close()
    assert list(manifests(store)) == [], "it does not count yet"
    list_file(store, manifest)
    assert list(manifests(store)) == [manifest]
    assert [bytes(row.row) for row in rows_of(store, manifest)] == [b'{"a": 1}', b'{"a":"two\\n"}']
    with store.open("one" + ROWS) as file:
        whole = file.read()
    for damaged in (whole[:-9], whole[:20], b"", whole + whole, whole[:30] + b"\0" + whole[31:]):
        with store.spool() as spooled:
            spooled.write(damaged)
            store.put("one" + ROWS, spooled)
        with pytest.raises(ArchiveDamaged):
            verified(store, manifest)
