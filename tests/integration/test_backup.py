"""A backup of a database that is written to meanwhile, and what becomes of it in another one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import zlib
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import NamedTuple

import asyncpg

from kit.hosts import SECRET, Table, chat, connected, hosting, log_of, open_room, place, stored
from tavola.actors.wire.commands import RoomId
from tavola.storage.fingerprint import admit
from tavola.storage.measures import measured
from tavola.storage.migrate import migrate
from tavola.storage.postgres import Database

MINE = "a secret of tests, 32 bytes long"
NOT_MINE = "another one, of 32 bytes at the least"


class Said(NamedTuple):
    code: int | None
    out: str
    err: str


async def tavola(url: str, *words: str | Path, secret: str = MINE) -> Said:
    """The command line, in a process of its own."""
    environment = {"DATABASE_URL": url, "TAVOLA_JWT_SECRET": secret, "PATH": "/usr/bin:/bin"}
    program = (sys.executable, "-m", "tavola", *map(str, words))
    process = await asyncio.create_subprocess_exec(*program, stdout=PIPE, stderr=PIPE, env=environment)
    out, err = await process.communicate()
    return Said(process.returncode, out.decode(), err.decode())


async def played(database: Database, table: Table) -> RoomId:
    room = await open_room(database)
    epoch = await place(database, room)
    for n in range(5):
        await table.does(epoch, "host", chat(room, f"c{n}", "häppy \\ \t 'chat' 🂡"))
    return room


async def everything(url: str) -> dict[str, list[str]]:
    """Every row of every table, as a text."""
    truth = await asyncpg.connect(url, ssl=False)
    try:
        names = await truth.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                                  "AND relkind = 'r' ORDER BY relname")  # fmt: skip
        return {
            name: [row["text"] for row in await truth.fetch(f'SELECT t::text AS text FROM "{name}" t ORDER BY 1')]
            for (name,) in names
        }
    finally:
        await truth.close()


async def test_all_of_it_comes_back(database_url: str, empty_database: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        await admit(database, SECRET)
        room = await played(database, table)
        done = await tavola(database_url, "backup", tmp_path / "kept", "--json")
        assert done.code == 0, done.err
        manifest = json.loads(done.out)
        assert manifest["migrations"][0] == "0001_rooms.sql"
        assert manifest["file_bytes"] == (tmp_path / "kept" / "database.sql.gz").stat().st_size
        assert MINE not in (tmp_path / "kept" / "manifest.json").read_text()
        assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
        before = await everything(database_url)
        log = [dict(row) for row in await log_of(database, room)]
    done = await tavola(empty_database, "restore", tmp_path / "kept")
    assert done.code == 0, done.err
    after = await everything(empty_database)
    apart = {"rooms", "room_actors"}
    assert {name: rows for name, rows in after.items() if name not in apart} == {
        name: rows for name, rows in before.items() if name not in apart
    }
    assert after["room_actors"] == []
    assert await migrate(empty_database) == []
    async with connected(empty_database) as database, hosting(database, "b") as table:
        assert [dict(row) for row in await log_of(database, room)] == log
        assert (await stored(database, room))["actor"] is None
        epoch = await place(database, room)
        assert (await table.does(epoch, "host", chat(room, "c0", "häppy \\ \t 'chat' 🂡"))).seq == 1, "answered once"
        assert (await table.does(epoch, "host", chat(room, "more"))).seq > 5


async def test_a_backup_is_of_one_moment(database_url: str, empty_database: str, tmp_path: Path) -> None:
    """Moves are committed all the while; of each room's log and state the backup has the same."""
    async with connected(database_url) as database, hosting(database, "a") as table:
        await admit(database, SECRET)
        rooms = [await open_room(database) for _ in range(4)]
        places = {room: await place(database, room) for room in rooms}
        going, moves = True, 0

        async def play(room: RoomId) -> None:
            nonlocal moves
            while going:
                await table.does(places[room], "host", chat(room, f"m{moves}.{room}"))
                moves += 1

        players = [asyncio.create_task(play(room)) for room in rooms]
        done = await tavola(database_url, "backup", tmp_path / "kept")
        going = False
        await asyncio.gather(*players)
        assert done.code == 0, done.err
        assert moves > 20, "it was played meanwhile"
    assert (await tavola(empty_database, "restore", tmp_path / "kept")).code == 0
    async with connected(empty_database) as database:
        for room in rooms:
            seq = (await stored(database, room))["seq"]
            assert [row["seq"] for row in await log_of(database, room)] == list(range(1, seq + 1))


async def test_what_is_refused_changes_nothing(database_url: str, empty_database: str, tmp_path: Path) -> None:
    kept, used = tmp_path / "kept", empty_database
    async with connected(database_url) as database, hosting(database, "a") as table:
        await admit(database, SECRET)
        room = await played(database, table)
        assert (await tavola(database_url, "backup", kept)).code == 0
        again = await tavola(database_url, "backup", kept)
        assert again.code != 0
        assert "not empty" in again.err
    await migrate(used)
    async with connected(used) as database:
        other = await open_room(database)
    before = await everything(used)
    for words, secret, why in (
        ((), MINE, "in use"),
        ((), NOT_MINE, "another secret"),
        (("--replace",), NOT_MINE, "another secret"),
    ):
        refused = await tavola(used, "restore", kept, *words, secret=secret)
        assert refused.code != 0
        assert why in refused.err
        assert NOT_MINE not in refused.err
    file = kept / "database.sql.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "checksum" in (await tavola(used, "restore", kept, "--replace")).err
    file.write_bytes(whole)
    manifest = kept / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace("0001_rooms.sql", "9999_later.sql"))
    assert "later release" in (await tavola(used, "restore", kept, "--replace")).err
    manifest.unlink()
    assert "no whole backup" in (await tavola(used, "restore", kept, "--replace")).err
    assert await everything(used) == before
    manifest.write_text(text)
    assert (await tavola(used, "restore", kept, "--replace")).code == 0
    async with connected(used) as database:
        assert await database.row("load_room", rooms=[other]) is None
        assert (await stored(database, room))["seq"] == 5


async def test_a_backup_that_fails_half_way_leaves_the_database_as_it_was(
    database_url: str, empty_database: str, tmp_path: Path
) -> None:
    kept, used = tmp_path / "kept", empty_database
    async with connected(database_url) as database, hosting(database, "a") as table:
        await played(database, table)
        assert (await tavola(database_url, "backup", kept)).code == 0
    await migrate(used)
    async with connected(used) as database:
        await open_room(database)
    before = await everything(used)
    file, manifest = kept / "database.sql.gz", kept / "manifest.json"
    sql_text = zlib.decompress(file.read_bytes(), wbits=31)
    packer = zlib.compressobj(wbits=31)
    broken = packer.compress(sql_text + b"\nSELECT nothing FROM nowhere;\n") + packer.flush()
    file.write_bytes(broken)
    told = json.loads(manifest.read_text())
    told["sha256"] = hashlib.sha256(broken).hexdigest()
    manifest.write_text(json.dumps(told))
    failed = await tavola(used, "restore", kept, "--replace")
    assert failed.code != 0
    assert "nowhere" in failed.err
    assert await everything(used) == before


async def test_with_another_secret_everybody_is_signed_out_and_it_is_the_databases(
    database_url: str, empty_database: str, tmp_path: Path
) -> None:
    async with connected(database_url) as database:
        await admit(database, SECRET)
        await open_room(database)
    assert (await tavola(database_url, "backup", tmp_path / "kept")).code == 0
    assert (await tavola(empty_database, "restore", tmp_path / "kept", "--new-secret", secret=NOT_MINE)).code == 0
    async with connected(empty_database) as database:
        assert await database.rows("secret_turns") == []


async def test_sums_that_actors_measured_are_put_back(database_url: str, empty_database: str, tmp_path: Path) -> None:
    """Of those that lived then, too, who are none of now."""
    async with connected(database_url) as database, hosting(database, "a") as table:
        await admit(database, SECRET)
        await played(database, table)
        await database.rows("beat_actor", name="a", measured=table.host.measures.text())
        done = await tavola(database_url, "backup", tmp_path / "kept")
        assert done.code == 0, done.err
    done = await tavola(empty_database, "restore", tmp_path / "kept")
    assert done.code == 0, done.err
    async with connected(empty_database) as database:
        found = await measured(database)
        assert found["tictactoe"].rows > 0
        assert {game: of.sums() for game, of in found.items()} == {
            game: of.sums() for game, of in table.host.measures.items()
        }
