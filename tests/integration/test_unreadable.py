"""Rooms whose stored form cannot be read: made again from the log, left to a newer release, or left alone; never
written over before a copy is kept, and never tried again and again."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from kit.damage import changed_by_hand, execute, playing
from kit.games import having
from kit.hosts import chat, connected, hosting, place, stored
from kit.later import Later
from tavola.actors.cluster.directory import Directory, RoomUnreadable
from tavola.actors.versions.schema import SCHEMA
from tavola.actors.wire.commands import Act, RoomId
from tavola.actors.wire.messages import Moved, Refusal, ViewAt
from tavola.edge.routing.unreadable import UnreadableCount
from tavola.storage.postgres import Database


class NoStarter:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("nobody is placed")


def refused(answer: Any) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE game_states SET state = left(state, 20) WHERE room_id = $1",
        "UPDATE game_states SET state = '{}' WHERE room_id = $1",
        "UPDATE game_states SET state = replace(state, '\"board\"', '\"cells\"') WHERE room_id = $1",
        "UPDATE game_states SET state = replace(state, '\"seated\":[0,1]', '\"seated\":1') WHERE room_id = $1",
        "UPDATE rooms SET settings = jsonb_set(settings::jsonb, '{options}', '{\"turn_seconds\": -1}') WHERE id = $1",
    ],
)
async def test_a_room_that_cannot_be_read_is_made_again_from_its_log(database_url: str, damage: str) -> None:
    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a)
        before = await stored(database, room)
        await execute(database_url, damage, room)
        damaged = await stored(database, room)
        epoch = await place(database, room, avoid="a")
        assert (await b.view(epoch, "ann", room))["game"]["board"] == [None] * 4 + [0] + [None] * 4
        after = await stored(database, room)
        assert _game(after) == _game(before)
        assert msgspec.json.decode(after["settings"]) == msgspec.json.decode(before["settings"])
        [kept] = await execute(database_url, "SELECT number, seq, found, done, kept FROM repairs")
        copy = msgspec.json.decode(kept["kept"])
        assert (copy["state"], copy["settings"]) == (damaged["state"], msgspec.json.decode(damaged["settings"]))
        assert (kept["number"], kept["seq"], kept["done"].split()[0]) == (1, before["seq"], "rebuilt")
        await b.does(after["epoch"], "ann", Act(id="next", room=room, move="mark", arguments={"cell": 0}))


async def test_a_checkpoint_that_cannot_be_read_either_is_passed_over(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a, "holdem")
        before = await stored(database, room)
        spoilt = await execute(
            database_url,
            "UPDATE checkpoints SET body = substring(body FOR 99) WHERE room_id = $1 AND seq > 0 RETURNING seq",
            room,
        )
        assert spoilt, "there was a newer checkpoint"
        await execute(database_url, "UPDATE game_states SET state = left(state, 99) WHERE room_id = $1", room)
        assert isinstance(await b.look(await place(database, room, avoid="a"), "ann", room), ViewAt)
        assert _game(await stored(database, room)) == _game(before)
        [kept] = await execute(database_url, "SELECT done FROM repairs")
        assert kept["done"] == "rebuilt from the checkpoint at 0 and the log"


async def test_a_log_that_differs_is_no_way_to_rebuild(database_url: str) -> None:
    """The room stays as it is, its actor lets go of it, and nobody is given it for a while."""

    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a)
        seq = (await stored(database, room))["seq"]
        await execute(database_url, "UPDATE game_states SET state = '{}' WHERE room_id = $1", room)
        await execute(database_url, "UPDATE actions SET entropy = '' WHERE room_id = $1 AND seq = $2", room, seq)
        await execute(
            database_url,
            "UPDATE actions SET command = replace(command, '4', '5') WHERE room_id = $1 AND seq = $2",
            room,
            seq,
        )
        epoch = await place(database, room, avoid="a")
        refusal = refused(await b.look(epoch, "ann", room))
        assert (refusal.code, refusal.retry_after_ms) == ("corrupted_state", None)
        assert refusal.details is not None
        assert f"the log leads to {seq - 1}: at {seq}" in refusal.details["found"]
        after = await stored(database, room)
        assert (after["actor"], after["state"]) == (None, "{}")
        assert await execute(database_url, "SELECT 1 FROM repairs") == []
        assert isinstance(await b.look(epoch, "ann", room), Moved), "its actor holds nothing of it"
        counted = UnreadableCount(database)
        await counted.count()
        assert counted.rooms == {"corrupted_state": 1, "room_unavailable": 0}
        await _left_alone(database_url, database, room, "corrupted_state")


async def test_a_state_changed_by_hand_is_noticed_before_it_is_loaded(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a)
        changed = await changed_by_hand(database_url, room)
        refusal = refused(await b.look(await place(database, room, avoid="a"), "ann", room))
        assert (refusal.code, refusal.details is not None) == ("corrupted_state", True)
        assert "by hand" in (refusal.details or {})["found"]
        assert (await stored(database, room))["state"] == changed, "nothing is written over"
        assert await execute(database_url, "SELECT 1 FROM repairs") == []
        await _left_alone(database_url, database, room, "corrupted_state")


async def test_a_state_changed_by_hand_under_its_actor_is_not_written_over(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        room, epoch = await playing(database, a)
        changed = await changed_by_hand(database_url, room)
        other, at = await playing(database, a)
        answers = [a.deliver(epoch, "ann", chat(room, "no", "no")), a.deliver(at, "ann", chat(other, "yes", "yes"))]
        first, second = await asyncio.gather(*answers)
        assert isinstance(first, Moved), "its commit is fenced"
        assert not isinstance(second, Refusal | Moved), "the other room's is not"
        assert refused(await a.look(epoch, "ann", room)).code == "corrupted_state"
        assert (await stored(database, room))["state"] == changed


async def test_a_state_that_older_code_wrote_has_no_checksum_and_is_believed(database_url: str) -> None:
    """During a roll-out an actor of the release before may have the room in between."""

    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a)
        before = await execute(database_url, "SELECT seq, checksum FROM game_states WHERE room_id = $1", room)
        assert before[0]["checksum"] >> 32 == before[0]["seq"]
        await execute(
            database_url,
            "UPDATE game_states SET seq = seq + 1, state = replace(state, '\"at\":', '\"at\": ') WHERE room_id = $1",
            room,
        )
        epoch = await place(database, room, avoid="a")
        assert isinstance(await b.look(epoch, "ann", room), ViewAt)
        await b.does(epoch, "ann", chat(room, "on", "on"))
        [row] = await execute(database_url, "SELECT seq, checksum FROM game_states WHERE room_id = $1", room)
        assert row["checksum"] >> 32 == row["seq"]


async def test_a_room_of_a_newer_release_waits_for_it(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "old") as old, hosting(database, "new") as new:
        with having(Later()):
            room, _ = await playing(database, new)
        before = await stored(database, room)
        assert '"gv":2' in before["state"]
        refusal = refused(await old.look(await place(database, room, avoid="new"), "ann", room))
        assert (refusal.code, refusal.retry_after_ms) == ("room_unavailable", 5000)
        after = await stored(database, room)
        assert (after["actor"], after["state"], after["settings"]) == (None, before["state"], before["settings"])
        await _left_alone(database_url, database, room, "room_unavailable")
        await execute(database_url, "UPDATE unreadable_rooms SET again_at = now()")
        with having(Later()):
            epoch = await place(database, room, avoid="old")
            assert (await new.view(epoch, "ann", room))["game"]["board"][4] == 0
            await new.does(epoch, "ann", Act(id="next", room=room, move="mark", arguments={"at": 0}))
        assert await execute(database_url, "SELECT 1 FROM unreadable_rooms") == []


async def test_a_field_of_a_later_release_is_not_rebuilt_away(database_url: str) -> None:
    """The next release has one field more, with a default, and raised no version for it: until all actors are of that
    release, those of this one leave the room alone."""

    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a)
        [row] = await execute(
            database_url,
            'UPDATE game_states SET state = replace(state, \'"board"\', \'"fresh":1,"board"\') WHERE room_id = $1 '
            "RETURNING state",
            room,
        )
        await execute(database_url, "UPDATE game_states SET checksum = state_checksum(seq, state)")
        refusal = refused(await b.look(await place(database, room, avoid="a"), "ann", room))
        assert refusal.code == "room_unavailable"
        assert "$.game.fresh" in (refusal.details or {})["found"]
        assert (await stored(database, room))["state"] == row["state"]
        assert await execute(database_url, "SELECT 1 FROM repairs") == []


async def test_a_room_of_the_version_before_goes_on_in_the_next(database_url: str) -> None:
    """Also a command that the version before answered, sent again, is answered as it was."""

    async with connected(database_url) as database, hosting(database, "b") as b:
        async with hosting(database, "a") as a:
            room, _ = await playing(database, a)
        with having(Later()):
            epoch = await place(database, room, avoid="a")
            seq = (await stored(database, room))["seq"]
            again = await b.does(epoch, "host", Act(id="move", room=room, move="mark", arguments={"at": 4}))
            assert again.seq == seq
            await b.does(epoch, "ann", Act(id="next", room=room, move="mark", arguments={"at": 0}))
        rows = await execute(database_url, "SELECT versions FROM actions WHERE room_id = $1 ORDER BY seq", room)
        assert [row["versions"] for row in rows][:seq] == [SCHEMA << 8 | 1] * seq
        assert {row["versions"] for row in rows[seq:]} == {SCHEMA << 8 | 2}
        assert '"cells"' in (await stored(database, room))["state"]


def _game(row: Any) -> Any:
    return msgspec.json.decode(row["state"])["game"]


async def _left_alone(url: str, database: Database, room: RoomId, code: str) -> None:
    """Everybody who looks for the room is told why it is nowhere; it is not placed, and the steward leaves it, too."""
    with pytest.raises(RoomUnreadable) as unreadable:
        await Directory(database, NoStarter()).find(room)
    assert unreadable.value.refusal.code == code
    await execute(url, "UPDATE rooms SET alarm_at = 1 WHERE id = $1", room)
    await execute(
        url, "UPDATE room_seats SET seated_at = 1, last_heartbeat_at = 1, away_since = NULL WHERE room_id = $1", room
    )
    assert await database.rows("overdue", before=100, most=10, quiet=False) == []
    assert await database.rows("unheard", since=100, most=10) == []
    await execute(url, "UPDATE unreadable_rooms SET again_at = now() - interval '1 second' WHERE room_id = $1", room)
    assert [row["id"] for row in await database.rows("overdue", before=100, most=10, quiet=False)] == [room], (
        "after a while again"
    )
    assert [row["id"] for row in await database.rows("unheard", since=100, most=10)] == [room]
    await execute(url, "UPDATE unreadable_rooms SET again_at = now() + interval '1 hour' WHERE room_id = $1", room)
