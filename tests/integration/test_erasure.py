"""A user is forgotten, on a real Postgres and Redis: nothing of them is left anywhere, and games go on."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from test_personal_data import tavola
from test_removal import sql

from kit.doors import Doors, Person, doors
from kit.lives import kept_elsewhere
from kit.mentions import keys_with, tables_with
from tavola.actors.upkeep.chat_clearing import ChatClearing
from tavola.actors.upkeep.erasure import Erasure
from tavola.actors.upkeep.retention import DAY_MS
from tavola.config.clock import now_ms
from tavola.config.crash import Point
from tavola.config.settings import Settings
from tavola.rooms import verify
from tavola.storage.archive_store import ArchiveStore, FolderStore
from tavola.storage.archives import manifests, rows_of
from tavola.storage.postgres import Database

NAMES = ("Adalbert Zwieback", "Zwieback the Second")
SAID = "a word of Adalbert that nobody keeps"
POINTS: tuple[Point, ...] = (
    "erasure.found", "erasure.named", "erasure.fenced", "erasure.rewriting", "erasure.listed", "erasure.archived",
)  # fmt: skip


async def played(edge: Doors, ada: Person, ben: Person, cyd: Person) -> list[str]:
    """Rooms in which Ada was all that one can be: host, player, spectator, put out, refused."""
    hosted = (await edge.opened(ada, approval="host"))["id"]
    await edge.ok("POST", f"/api/rooms/{hosted}/seat", ada, {"seat_index": 0, "display_name": NAMES[1]})
    for who, name in ((ben, "Ben"), (cyd, "Cyd")):
        await edge.ok("POST", f"/api/rooms/{hosted}/join", who, {"display_name": name})
    for who in (ben, cyd):
        await edge.ok("POST", f"/api/rooms/{hosted}/approve", ada, {"user_id": who.user})
    await edge.ok("POST", f"/api/rooms/{hosted}/seat", ben, {"seat_index": 1})
    await edge.ok("POST", f"/api/rooms/{hosted}/chat", ada, {"text": SAID})
    await edge.ok("POST", f"/api/rooms/{hosted}/start", ada)
    for cell in range(4):
        view = await edge.ok("GET", f"/api/rooms/{hosted}/hydrate", ada)
        who = ada if view["turn"]["seat_index"] == 0 else ben
        await edge.ok("POST", f"/api/rooms/{hosted}/actions", who, {"move": "mark", "cell": cell})
    await edge.ok("POST", f"/api/rooms/{hosted}/host", ada, {"user_id": ben.user})
    joined = (await edge.opened(ben))["id"]
    await edge.ok("POST", f"/api/rooms/{joined}/join", ada, {"display_name": NAMES[0]})
    await edge.ok("POST", f"/api/rooms/{joined}/spectate", ada, {"display_name": NAMES[1]})
    await edge.ok("POST", f"/api/rooms/{joined}/chat", ada, {"text": SAID})
    await edge.ok("POST", f"/api/rooms/{joined}/kick", ben, {"user_id": ada.user, "ban": True})
    refused = (await edge.opened(ben, approval="host"))["id"]
    await edge.ok("POST", f"/api/rooms/{refused}/join", ada, {"display_name": NAMES[0]})
    await edge.ok("POST", f"/api/rooms/{refused}/reject", ben, {"user_id": ada.user})
    left = (await edge.opened(ada))["id"]
    await edge.ok("POST", f"/api/rooms/{left}/chat", ada, {"text": SAID})
    await edge.ok("POST", f"/api/rooms/{left}/close", ada)
    poker = (await edge.opened(ben, game="holdem"))["id"]
    await edge.ok("POST", f"/api/rooms/{poker}/join", ada, {"display_name": NAMES[0]})
    for who, seat in ((ben, 0), (ada, 1)):
        await edge.ok("POST", f"/api/rooms/{poker}/seat", who, {"seat_index": seat})
    await edge.ok("POST", f"/api/rooms/{poker}/start", ben)
    view = await edge.ok("GET", f"/api/rooms/{poker}/hydrate", ada)
    folds = ben if view["turn"]["seat_index"] == 0 else ada
    await edge.ok("POST", f"/api/rooms/{poker}/actions", folds, {"move": "fold"})
    await edge.ok("DELETE", f"/api/rooms/{poker}/seat", ada)
    return [hosted, joined, refused, left, poker]


async def unpacked(truth: asyncpg.Connection[Any]) -> str:
    """The whole log and all checkpoints, readable."""
    found = [row["t"] for row in await truth.fetch("SELECT a::text AS t FROM actions a")]
    found += [row["t"] for row in await truth.fetch("SELECT k::text AS t FROM kept_states k")]
    assert len(found) > 20
    return "\n".join(found)


def archived(folder: Path) -> str:
    """All that the archive has; each file is found to be what it should."""
    store = FolderStore(folder)
    return "\n".join(bytes(row.row).decode() for manifest in manifests(store) for row in rows_of(store, manifest))


def erasure(database: Database, redis_url: str, store: ArchiveStore | None = None) -> Erasure:
    return Erasure(database, redis_url, store, now_ms, lambda _: None)


async def left_of(user: str, truth: asyncpg.Connection[Any], redis_url: str) -> dict[str, int]:
    """Where something of Ada is."""
    texts = (user, *NAMES, SAID)
    found = await tables_with(truth, *texts)
    found.pop("public.sign_outs", None)  # for as long as a token of theirs may be good
    readable = await unpacked(truth)
    found |= {text: readable.count(text) for text in texts if text in readable}
    found |= dict.fromkeys(await keys_with(redis_url, *texts), 1)
    return found


async def test_nothing_is_left_and_play_goes_on(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge, sql(database_url) as truth:
        ada, ben, cyd = (edge.person(name) for name in (NAMES[0], "Ben", "Cyd"))
        rooms = await played(edge, ada, ben, cyd)
        assert len(await left_of(ada.user, truth, redis_url)) > 6
        follower = await edge.socket(ben)
        shown = await follower.joins(rooms[0])
        assert shown["view"]["seats"]["0"]["display_name"] == NAMES[1]

        assert await edge.refused("DELETE", "/api/session/data", ada, {"user_id": ben.user}) == "invalid_message"
        asked = await edge.ok("DELETE", "/api/session/data", ada, {"user_id": ada.user})
        assert asked["pseudonym"].startswith("gone_")
        assert await edge.refused("GET", "/api/session/data", ada) in (
            "token_invalid",
            "token_expired",
            "unauthenticated",
        )
        await erasure(edge.database, redis_url).work()
        assert await left_of(ada.user, truth, redis_url) == {}
        assert await truth.fetchval("SELECT count(*) FROM erasures") == 0

        hydrated = await follower.hears(
            lambda frame: frame["type"] == "hydrated" and frame["view"]["seats"]["0"]["user_id"] == asked["pseudonym"]
        )
        assert hydrated["view"]["seats"]["0"]["display_name"].startswith("Gone ")
        for room in rooms:
            await verify(edge.database, room, False)
        await edge.ok("POST", f"/api/rooms/{rooms[0]}/chat", ben, {"text": "play goes on"})
        heard = await follower.hears(lambda frame: "play goes on" in json.dumps(frame))
        assert heard["type"] == "update"


async def test_killed_anywhere_it_is_done_all_the_same(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """The log of a closed room is in the archive by then, and so are old days of the others."""
    folder, crashes = tmp_path / "archive", tmp_path / "crash"
    crashes.mkdir()
    async with doors(database_url, redis_url) as edge, sql(database_url) as truth:
        ada, ben, cyd = (edge.person(name) for name in (NAMES[0], "Ben", "Cyd"))
        rooms = await played(edge, ada, ben, cyd)
        settings = {"TAVOLA_ARCHIVE": folder, "TAVOLA_ARCHIVE_LOGS": "true", "REDIS_URL": redis_url}
        settings |= {
            "TAVOLA_KEEP_LOG_DAYS": 0,
            "TAVOLA_KEEP_CHAT_DAYS": 0,
            "TAVOLA_JWT_SECRET": "x" * 32,
            "DATABASE_URL": database_url,
        }
        work = partial(kept_elsewhere, database_url, now_ms() + 8 * DAY_MS, crashes, **settings)
        assert await asyncio.to_thread(work) == 0
        for text in (ada.user, NAMES[0], SAID):
            assert text in archived(folder)
        rows = archived(folder).count("\n")
        await edge.ok("DELETE", "/api/session/data", ada, {"user_id": ada.user})
        for point in POINTS:
            (crashes / point).touch()
            assert await asyncio.to_thread(work) == -9, f"killed at {point}"
            assert len(list(crashes.glob(f"{point}.hit.*"))) == 1
        assert await asyncio.to_thread(work) == 0
        assert await left_of(ada.user, truth, redis_url) == {}
        there = archived(folder)
        assert [text for text in (ada.user, *NAMES, SAID) if text in there] == []
        assert there.count("\n") == rows, "no row is lost, and none is there twice"
        assert "gone_" in there
        left = await truth.fetchval("SELECT count(*) FROM actions WHERE room_id = $1", rooms[3])
        assert left == 0, "that one is in the archive alone"
        for room in (*rooms[:3], rooms[4]):
            await verify(edge.database, room, False)


async def test_the_operator_forgets_a_user(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge, sql(database_url) as truth:
        ada, ben, cyd = (edge.person(name) for name in (NAMES[0], "Ben", "Cyd"))
        await played(edge, ada, ben, cyd)
        said = await tavola(database_url, "user", "forget", ada.user, "--yes", redis_url=redis_url)
        assert said.decode().startswith(f"{ada.user} is forgotten. gone_")
        assert await left_of(ada.user, truth, redis_url) == {}
        assert await truth.fetchval("SELECT count(*) FROM sign_outs WHERE user_id = $1", ada.user) == 1
        assert len((await edge.ok("GET", "/api/session/data", ben))["rooms"]) == 4, "others are as they were"


async def test_what_was_said_long_ago_is_cleared(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge, sql(database_url) as truth:
        ada, ben, cyd = (edge.person(name) for name in (NAMES[0], "Ben", "Cyd"))
        rooms = await played(edge, ada, ben, cyd)
        told = Settings(_env_file=None, database_url=database_url, jwt_secret="x" * 32, keep_chat_days=3)
        for days, said in ((3, 3), (4, 0), (4, 0)):
            later = now_ms() + days * DAY_MS
            await ChatClearing(told, edge.database, partial(int, later)).round()
            assert (await unpacked(truth)).count(SAID) == 2 * said, "once in a command, once in an event"
        await edge.ok("POST", f"/api/rooms/{rooms[0]}/chat", ben, {"text": SAID})
        assert (await unpacked(truth)).count(SAID) == 2
        assert (await unpacked(truth)).count("[removed]") == 6
        for room in rooms:
            await verify(edge.database, room, False)
