"""An operator takes a room back in the place of its actor, which has it and knows nothing of it; and makes another room
of its past."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kit.hosts import Table, connected, hosting, log_of, open_room, place, stored
from kit.rooms import sender
from tavola.actors.past import archive
from tavola.actors.room import codec
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import Act, Chat, Epoch, Leave, RequestJoin, RoomId, TakeSeat
from tavola.actors.wire.messages import Moved, Submit
from tavola.games.base import SeatIndex
from tavola.storage.postgres import Database

SECRET = "a secret of tests, 32 bytes long"


@pytest.fixture(autouse=True)
def _settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TAVOLA_JWT_SECRET", SECRET)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("TAVOLA_DATA_DIR", str(tmp_path))


class Said(NamedTuple):
    code: int | None
    out: str
    err: str


async def tavola(*words: str, input: str = "") -> Said:
    """The command line, in a process of its own."""
    program = (sys.executable, "-m", "tavola", "room", *words)
    pipes: dict[str, Any] = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE}
    process = await asyncio.create_subprocess_exec(*program, **pipes)
    out, err = await process.communicate(input.encode())
    return Said(process.returncode, out.decode(), err.decode())


async def said(*words: str) -> dict[str, Any]:
    done = await tavola(*words, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


async def played(database: Database, at: Table) -> tuple[RoomId, Epoch, int]:
    """A game of tic-tac-toe with three marks, and the seq of the first of them."""
    room = await open_room(database, rematch_seconds=0)
    epoch = await place(database, room)
    await at.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
    for seat, user in enumerate(("host", "ann")):
        await at.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
    marks = [
        await at.does(epoch, user, Act(id=f"m{cell}", room=room, move="mark", arguments={"cell": cell}))
        for user, cell in (("host", 4), ("ann", 0), ("host", 8))
    ]
    return room, epoch, marks[0].seq


async def placed_again(database: Database, room: RoomId) -> Epoch:
    await database.rows(
        "beat_actor", name="a", measured=None
    )  # The command line took longer than a host may be silent.
    return await place(database, room)


async def replayed(database: Database, room: RoomId) -> Room:
    """The stored room; the log, replayed from the room's opening, gives it."""
    row = await stored(database, room)
    start = await database.row("checkpoint_first", room_id=room)
    assert start is not None
    assert start["seq"] == 0
    found = codec.room_of(row)
    assert archive.forward(archive.opened(room, 0, start["state"]), 0, await log_of(database, room)) == found
    assert (await tavola("verify", room)).code == 0
    return found


async def test_the_operator_takes_a_room_back_that_an_actor_has(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as at:
        room, epoch, first = await played(database, at)
        done = await said("rollback", room, "--to", str(first), "--yes", "--reason", "a wrong cell")
        assert done == {"room": room, "to": first, "seq": first + 3, "voided": None}
        late = await at.ask(Submit(epoch, sender("ann"), Chat(id="late", room=room, text="am I late?")))
        assert isinstance(late, Moved), "its actor is fenced: what was under way for it comes to nothing there"
        now = await replayed(database, room)
        assert now.table.game.board == "....0...."
        assert now.seat_of(now.table.seats[SeatIndex(1)].user) == 1
        again = await placed_again(database, room)
        assert again > epoch
        view = await at.view(again, "ann", room)
        told = [event for update in view["recent"] for event in update["events"] if event["kind"] == "rolled_back"]
        assert told == [{"kind": "rolled_back", "to": first, "reason": "a wrong cell"}]
        turn = view["turn"]["number"]
        await at.does(again, "ann", Act(id="anew", room=room, move="mark", arguments={"cell": 2}, turn=turn))
        repeated = await at.does(again, "ann", Act(id="m0", room=room, move="mark", arguments={"cell": 0}))
        assert repeated.seq == first + 1, "what was undone is not done again: it was answered once"
        assert (await replayed(database, room)).table.game.board == "..1.0...."


async def test_it_asks_first_and_says_what_will_be(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as at:
        room, epoch, first = await played(database, at)
        await at.does(epoch, "ann", Leave(id="gone", room=room))
        before = await stored(database, room)
        no = await tavola("rollback", room, "--to", str(first), input="n\n")
        assert no.code != 0
        assert "seat 1: empty -> empty (its player has left)" in no.out
        assert f"back to {first}" in no.out
        assert "seat 0: Name-host -> Name-host" in no.out
        assert dict(await stored(database, room)) == dict(before)
        assert (await tavola("rollback", room, "--to", str(first), input="y\n")).code == 0
        assert set((await replayed(database, room)).table.seats) == {0}


async def test_what_cannot_be_gone_back_to_changes_nothing(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as at:
        room, _, _ = await played(database, at)
        before = dict(await stored(database, room))
        for words in (("--to", "999", "--yes"), ("--yes",)):
            assert (await tavola("rollback", room, *words)).code != 0
        assert (await tavola("rollback", "r_none", "--to", "1", "--yes")).code != 0
        assert dict(await stored(database, room)) == before


async def test_a_fork_is_a_private_room_that_stands_still(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as at:
        room, epoch, first = await played(database, at)
        before = dict(await stored(database, room))
        made = await said("fork", room, "--at", str(first))
        assert dict(await stored(database, room)) == before, "the first room knows nothing of it"
        other = RoomId(made["room"])
        found = await replayed(database, other)
        assert (found.info.visibility, found.info.status, found.info.host) == ("private", "paused", "host")
        assert found.table.game.board == "....0...."
        assert set(found.seated) == {"host", "ann"}
        listed = await database.rows("all_rooms", named=other)
        assert listed[0]["code"] == made["code"] != before["code"]
        fresh = await placed_again(database, other)
        view = await at.view(fresh, "ann", other)
        assert view["me"]["seat_index"] == 1
        assert view["me"]["legal"] == []
        await at.does(epoch, "ann", Act(id="on", room=room, move="mark", arguments={"cell": 6}))


async def test_a_fork_of_a_hand_that_runs_holds_nothing_of_it(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as at:
        room = await open_room(database, "holdem", next_hand_seconds=0)
        epoch = await place(database, room)
        await at.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
        for seat, user in enumerate(("host", "ann")):
            await at.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
        running = codec.room_of(await stored(database, room)).table.game.running
        assert running is not None
        seq = (await stored(database, room))["seq"]
        made = await said("fork", room, "--at", str(seq), "--host", "student")
        assert made["voided"] == 1
        other = RoomId(made["room"])
        found = await replayed(database, other)
        assert found.info.host == "student"
        assert found.table.game.running is None
        assert {seat.chips for seat in found.table.game.seats} == {1000}
        board = "".join(running.board())
        everything = json.dumps([dict(row) for row in await database.rows("all_rooms", named=other)])
        everything += str(await log_of(database, other)) + str(dict(await stored(database, other)))
        assert board not in everything
        assert found.table.game.hand.cards == running.cards[:8]
