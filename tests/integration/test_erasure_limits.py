"""Forgetting where it is not easy: namesakes, rooms that cannot be read, others who are to be forgotten too."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_erasure import erasure
from test_personal_data import tavola
from test_removal import sql

from kit.damage import execute
from kit.doors import Doors, Person, doors
from kit.mentions import tables_with
from tavola.actors.upkeep.chat_clearing import REWRITING, ChatClearing, days_of_chat
from tavola.actors.upkeep.retention import DAY_MS
from tavola.config.clock import now_ms
from tavola.config.settings import Settings
from tavola.edge.identity.personal_data import asks_erasure
from tavola.rooms import verify
from tavola.storage.archive_store import FolderStore
from tavola.storage.archives import ROWS, ArchiveWriter, list_file, manifests, rows_of
from tavola.storage.postgres import Database

SAID = "a word that nobody keeps"


async def played(edge: Doors, guest: Person, host: Person, name: str) -> str:
    """A room in which both have that name; seq 3 and 4 are the guest's."""
    room: str = (await edge.opened(host))["id"]
    await edge.ok("POST", f"/api/rooms/{room}/seat", host, {"seat_index": 0, "display_name": name})
    await edge.ok("POST", f"/api/rooms/{room}/join", guest, {"display_name": name})
    await edge.ok("POST", f"/api/rooms/{room}/seat", guest, {"seat_index": 1})
    await edge.ok("POST", f"/api/rooms/{room}/chat", guest, {"text": SAID})
    await edge.ok("POST", f"/api/rooms/{room}/start", host)
    return room


async def left_of(url: str, user: str) -> set[str]:
    async with sql(url) as truth:
        return set(await tables_with(truth, user)) - {"public.sign_outs"}


async def test_namesakes_at_one_table(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        room = await played(edge, ada, ben, "Alex")
        asked = await edge.ok("DELETE", "/api/session/data", ada, {"user_id": ada.user})
        await erasure(edge.database, redis_url).work()
        assert await left_of(database_url, ada.user) == set()
        view = await edge.ok("GET", f"/api/rooms/{room}/hydrate", ben)
        assert view["seats"]["0"]["display_name"] == "Alex"
        assert view["seats"]["1"]["user_id"] == asked["pseudonym"]
        assert view["seats"]["1"]["display_name"].startswith("Gone ")
        await verify(edge.database, room, False)


DAMAGE = {
    "a row of the log": "UPDATE log SET body = '\\x00'::bytea || body WHERE room_id = $1 AND seq = 3",
    "a checkpoint": "UPDATE checkpoints SET body = NULL, state = '{broken' WHERE room_id = $1",
    "a state that was changed by hand": "UPDATE game_states SET state = state || ' ' WHERE room_id = $1",
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_room_that_cannot_be_read_holds_up_nobody(damage: str, database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben, cyd = (edge.person(name) for name in ("Ada", "Ben", "Cyd"))
        bad, *_ = [await played(edge, who, ben, "Alex") for who in (ada, ada, cyd)]
        await edge.ok("DELETE", "/api/session/data", ada, {"user_id": ada.user})
        await edge.ok("DELETE", "/api/session/data", cyd, {"user_id": cyd.user})
        [was] = await execute(database_url, "SELECT state, checksum FROM game_states WHERE room_id = $1", bad)
        logged = await execute(database_url, "SELECT body FROM log WHERE room_id = $1 AND seq = 3", bad)
        kept = await execute(database_url, "SELECT seq, state, body FROM checkpoints WHERE room_id = $1", bad)
        assert kept
        await execute(database_url, DAMAGE[damage], bad)
        job = erasure(edge.database, redis_url)
        await job.work()
        assert job.unreadable == {bad}
        assert await left_of(database_url, cyd.user) == set(), "others are forgotten"
        rest = "SELECT room FROM erasure_rooms"
        assert [row["room"] for row in await execute(database_url, rest)] == [bad], "and so are they elsewhere"
        with pytest.raises(AssertionError, match=f"{bad} cannot be read"):
            await tavola(database_url, "user", "forget", ada.user, "--yes", redis_url=redis_url)
        if damage.startswith("a state"):
            changed = "SELECT checksum = state_checksum(seq, state) AS intact FROM game_states WHERE room_id = $1"
            assert [row["intact"] for row in await execute(database_url, changed, bad)] == [False], "nothing hides it"
            mended = "UPDATE game_states SET state = $2, checksum = $3 WHERE room_id = $1"
            await execute(database_url, mended, bad, was["state"], was["checksum"])
        await execute(database_url, "UPDATE log SET body = $2 WHERE room_id = $1 AND seq = 3", bad, logged[0]["body"])
        for row in kept:
            mended = "UPDATE checkpoints SET state = $3, body = $4 WHERE room_id = $1 AND seq = $2"
            await execute(database_url, mended, bad, row["seq"], row["state"], row["body"])
        await erasure(edge.database, redis_url).work()
        assert await left_of(database_url, ada.user) == set(), "it is mended"
        assert await execute(database_url, "SELECT 1 FROM erasures") == []


async def test_a_message_that_cannot_be_read_keeps_no_other(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        bad, good = [await played(edge, ada, ben, "Alex") for _ in range(2)]
        await execute(database_url, DAMAGE["a row of the log"], bad)
        told = Settings(_env_file=None, database_url=database_url, jwt_secret="x" * 32, keep_chat_days=3)
        later = now_ms() + 4 * DAY_MS
        await ChatClearing(told, edge.database, partial(int, later)).round()
        said = await execute(database_url, "SELECT command FROM actions WHERE room_id = $1", good)
        assert said
        assert not any(SAID in row["command"] for row in said)


@pytest.mark.parametrize(
    ("log", "chat", "after"), [(30, 30, 32), (10, 30, 30), (29, 30, 31), (60, 30, 30), (0, 30, 30), (30, 0, 0)]
)
def test_what_goes_as_a_whole_is_not_rewritten_first(log: int, chat: int, after: int) -> None:
    told = Settings(_env_file=None, jwt_secret="x" * 32, keep_log_days=log, keep_chat_days=chat)
    assert days_of_chat(told) == after


async def test_chat_is_not_cleared_meanwhile(database_url: str, redis_url: str) -> None:
    """Of two who rewrite the same rows, one would put back what the other has taken out."""
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        await played(edge, ada, ben, "Alex")
        await edge.ok("DELETE", "/api/session/data", ada, {"user_id": ada.user})
        async with edge.database.sole(REWRITING) as sole:
            assert sole is not None
            await erasure(edge.database, redis_url).work()
            assert await left_of(database_url, ada.user)
        await erasure(edge.database, redis_url).work()
        assert await left_of(database_url, ada.user) == set()


async def test_nobody_is_to_be_forgotten_and_still_signed_in(database_url: str, redis_url: str) -> None:
    """Both or neither: an edge that ends between them would let them act under an id that is gone already."""
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        query, given = asks_erasure(ada.user, now_ms())  # type: ignore[arg-type]
        with suppress(Exception):
            await edge.services.who.sessions.sign_out_and(ada.user, (query, {**given, "salt": None}))  # type: ignore[arg-type]
        for row in ("sign_outs", "erasures"):
            assert await execute(database_url, f"SELECT 1 FROM {row}") == [], "a refused one leaves neither"
        await edge.services.who.sessions.sign_out_and(ada.user, (query, given))  # type: ignore[arg-type]
        assert [len(await execute(database_url, f"SELECT 1 FROM {row}")) for row in ("sign_outs", "erasures")] == [1, 1]


async def test_log_and_archive_are_read_once_for_all(
    database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may ask to be forgotten, over and over: that others ask too makes it hardly dearer."""
    store = FolderStore(tmp_path)
    async with doors(database_url, redis_url) as edge:
        host = edge.person("Ben")
        guests = [edge.person(f"Guest {number}") for number in range(6)]
        rooms = [await played(edge, guest, host, f"Guest {number}") for number, guest in enumerate(guests)]
        archive = ArchiveWriter(store, "all", "rooms", None, now_ms())
        for row in await execute(database_url, "SELECT to_json(a)::text AS row FROM actions a"):
            archive.add("actions", [row["row"]])
        list_file(store, archive.finish())
        kept = len(list(rows_of(store, *manifests(store))))
        for guest in guests:
            await edge.ok("DELETE", "/api/session/data", guest, {"user_id": guest.user})
        told: list[str] = []
        asked, opened = Database.rows, FolderStore.open

        async def rows(self: Database, name: str, **given: Any) -> Any:
            told.append(name)
            return await asked(self, name, **given)

        def open_(self: FolderStore, name: str) -> Any:
            told.append(name)
            return opened(self, name)

        monkeypatch.setattr(Database, "rows", rows)
        monkeypatch.setattr(FolderStore, "open", open_)
        await erasure(edge.database, redis_url, store).work()
        assert told.count("find_erasure_rooms") == 1
        assert told.count(f"all{ROWS}") == 2, "to find rows of theirs, and to write it anew"
        monkeypatch.undo()
        for guest in guests:
            assert await left_of(database_url, guest.user) == set()
        there = list(rows_of(store, *manifests(store)))
        assert len(there) == kept
        assert not any(guest.user.encode() in bytes(line.row) for guest in guests for line in there)
        assert {msgspec.json.decode(line.row)["room_id"] for line in there} == set(rooms)


async def test_the_steward_rests_after_it(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben, cyd = (edge.person(name) for name in ("Ada", "Ben", "Cyd"))
        job = erasure(edge.database, redis_url)
        for who, forgotten in ((ada, True), (cyd, False)):
            await played(edge, who, ben, "Alex")
            await edge.ok("DELETE", "/api/session/data", who, {"user_id": who.user})
            await job.round()
            assert (await left_of(database_url, who.user) == set()) == forgotten
        await job.work()
        assert await left_of(database_url, cyd.user) == set()
