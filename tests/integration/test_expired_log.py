"""A log whose beginning was too old to be kept is no log with a hole: a replay begins behind it, or says so."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from kit.command_line import tavola
from kit.damage import execute
from kit.doors import doors
from kit.hosts import Table, chat, connected, hosting, open_room, place, stored
from kit.past import room_at
from tavola.actors.host import rebuild
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.room.codec import room_of
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NOT_KEPT
from tavola.config.checkpoints import CheckpointEvery
from tavola.storage.postgres import Database
from tavola.upgrade import examined

EVERY = CheckpointEvery.of("4 moves")
LAST = 10


async def talked(database: Database, table: Table) -> RoomId:
    """A room of ten updates, with checkpoints at 0, 4 and 8."""
    room = await open_room(database)
    epoch = await place(database, room)
    for n in range(LAST):
        await table.does(epoch, "host", chat(room, f"c{n}"))
    return room


async def expire(url: str, room: RoomId, upto: int, *, old: bool = True) -> None:
    """The updates up to that one are gone, as with a day of the log whose checkpoints are there still; unless `old`,
    they were of a day that the log has."""
    at = 1 if old else time.time_ns() // 1_000_000
    await execute(url, "DELETE FROM actions WHERE room_id = $1 AND seq <= $2", room, upto)
    await execute(url, "UPDATE checkpoints SET at = $3 WHERE room_id = $1 AND seq <= $2", room, upto, at)


async def verified(url: str, folder: Path, room: RoomId) -> tuple[int, dict[str, Any]]:
    code, out, _ = await tavola(url, folder, "room", "verify", room, "--json")
    found: dict[str, Any] = json.loads(out)
    return code, found


async def test_a_replay_begins_behind_what_has_expired(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a", every=EVERY) as table:
        room = await talked(database, table)
        whole = {"room": room, "seq": LAST, "replayed": LAST, "problem": None}
        assert await verified(database_url, tmp_path, room) == (0, whole)
        await expire(database_url, room, 6)
        assert await verified(database_url, tmp_path, room) == (0, {**whole, "replayed": LAST - 8})
        assert await room_at(database, room, 7) == NOT_KEPT
        assert await room_at(database, room, LAST) == room_of(await stored(database, room))
        assert (await examined(database, 100, 500)).found == []


@pytest.mark.parametrize("upto", [pytest.param(6, marks=pytest.mark.long), LAST])
async def test_until_there_is_a_checkpoint_again_nothing_can_be_replayed_and_that_is_no_fault(
    database_url: str, tmp_path: Path, upto: int
) -> None:
    async with connected(database_url) as database, hosting(database, "a", every=EVERY) as table:
        room = await talked(database, table)
        await execute(database_url, "DELETE FROM checkpoints WHERE room_id = $1 AND seq > 4", room)
        await expire(database_url, room, upto)
        code, found = await verified(database_url, tmp_path, room)
        assert (code, found["problem"], found["replayed"], found["expired_before"]) == (0, None, 0, upto + 1)
        code, out, _ = await tavola(database_url, tmp_path, "room", "verify", room)
        assert (code, f"its log before {upto + 1} has expired" in out) == (0, True)
        assert await room_at(database, room, LAST) == NOT_KEPT
        report = await examined(database, 100, 500)
        assert (report.rooms, report.replayed, report.found) == (1, 0, [])


async def repaired(url: str, folder: Path, room: RoomId) -> dict[str, Any]:
    """The saying of `tavola room repair`."""
    code, out, _ = await tavola(url, folder, "room", "repair", room, "--json")
    assert code == 1, "nothing was done"
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(
    ("upto", "said"),
    [
        (6, "history begins at seq 7, as kept"),
        pytest.param(LAST, "no history is left after 4, as kept", marks=pytest.mark.long),
    ],
)
async def test_a_repair_that_begins_nowhere_says_from_where_history_is_kept(
    database_url: str, tmp_path: Path, upto: int, said: str
) -> None:
    """So does the actor that cannot mend it either. From a checkpoint behind the beginning it is mended."""
    async with connected(database_url) as database, hosting(database, "a", every=EVERY) as table:
        room = await talked(database, table)
        good = await stored(database, room)
        [newest] = await execute(
            database_url, "DELETE FROM checkpoints WHERE room_id = $1 AND seq > 4 RETURNING *", room
        )
        await expire(database_url, room, upto)
        await execute(database_url, "UPDATE game_states SET state = '{}' WHERE room_id = $1", room)
        told = await repaired(database_url, tmp_path, room)
        assert told["log"] == said
        assert [offer["options"] for offer in told["offers"]] == ["--from 4 --yes"]
        row = await database.row("load_room", rooms=[room])
        assert row is not None
        with pytest.raises(Corrupted, match=said):
            await rebuild.rebuild(database, row, Corrupted(room, LAST, "an empty state"))
        await execute(
            database_url,
            "INSERT INTO checkpoints (room_id, seq, at, state, body) VALUES ($1, $2, $3, $4, $5)",
            room, newest["seq"], newest["at"], newest["state"], newest["body"],
        )  # fmt: skip
        if upto < LAST:
            code, _, _ = await tavola(database_url, tmp_path, "room", "repair", room, "--yes")
            assert (code, (await stored(database, room))["state"]) == (0, good["state"])


@pytest.mark.parametrize(
    ("missing", "old"),
    [("seq <= 3", False), pytest.param("seq = 2", True, marks=pytest.mark.long), ("seq = 10", True)],
)
async def test_a_hole_is_a_hole(database_url: str, tmp_path: Path, missing: str, old: bool) -> None:
    """Rows of a day that the log has are missing, or rows behind some that are there."""
    async with connected(database_url) as database, hosting(database, "a", every=EVERY) as table:
        room = await talked(database, table)
        await execute(database_url, f"DELETE FROM actions WHERE room_id = $1 AND {missing}", room)
        await expire(database_url, room, 0, old=old)
        code, found = await verified(database_url, tmp_path, room)
        assert code == 1
        assert "hole" in found["problem"]
        if missing != "seq = 10":
            refused = await room_at(database, room, 3)
            assert isinstance(refused, Refusal)
            assert refused.details is not None
            assert (refused.code, "hole" in str(refused.details["found"])) == ("corrupted_state", True)
        assert [each.room for each in (await examined(database, 100, 500)).found] == [room]


async def test_what_was_missed_begins_behind_it(database_url: str, redis_url: str) -> None:
    """And every update comes once, page after page."""
    async with doors(database_url, redis_url) as edge:
        ann = edge.person("Ann")
        room = (await edge.opened(ann))["id"]
        for n in range(LAST):
            await edge.ok("POST", f"/api/rooms/{room}/chat", ann, {"text": f"{n}"})
        await expire(database_url, RoomId(room), 5)
        pages, after = [], 0
        while after is not None:
            page = await edge.ok("GET", f"/api/rooms/{room}/events?after={after}&limit=2", ann)
            pages.append([update["seq"] for update in page["updates"]])
            after = page["next"]
        assert pages == [[6, 7], [8, 9], [10]]
