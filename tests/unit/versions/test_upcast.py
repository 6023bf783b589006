"""A game that changes what it stores: rooms of the version before go on, and are replayed; nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from kit.games import having
from kit.later import Later, LaterState, Unsaid
from kit.rooms import ROOM, Live, info, log_row, logged
from tavola.actors.log.unreadable import Corrupted, Newer
from tavola.actors.past import archive
from tavola.actors.past.replay import RULES_GONE, Difference, replay
from tavola.actors.room import codec
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Room
from tavola.actors.versions.schema import SCHEMA, RoomUpcaster
from tavola.actors.versions.upcast import OtherVersion, Upcast, Versions
from tavola.actors.wire.commands import Act, UpdateSettings
from tavola.games.base import Upcaster
from tavola.games.tictactoe import TicTacToe


@pytest.fixture
def played() -> Live:
    """Three moves of a game, and a change of the options before it."""
    live = Live(info("tictactoe", rematch_seconds=1))
    live.send("host", UpdateSettings(id="s", room=ROOM, settings={"options": {"turn_seconds": 40}}))
    live.sit("host", 0)
    live.sit("ann", 1)
    live.wake()
    for user, cell in (("host", 4), ("ann", 0), ("host", 8)):
        live.send(user, Act(id=live.id(), room=ROOM, move="mark", arguments={"cell": cell}))
    live.write()
    assert live.room.table.game.board == "1...0...0"
    return live


@pytest.fixture
def _later(played: Live) -> Iterator[None]:
    with having(Later()):
        yield


@pytest.mark.usefixtures("_later")
def test_a_room_of_the_version_before_goes_on(played: Live) -> None:
    row = played.rows.load_row()
    room = codec.room_of(row)
    assert (room.table.game.board, room.info.options.turn_seconds) == ("1...0...0", 40)
    assert isinstance(room.table.game, LaterState)
    assert (room.table.v, room.table.game_version) == (SCHEMA, 2)
    written = {**row, "state": msgspec.json.encode(room.table).decode()}
    written["settings"] = msgspec.json.encode(room.info.stored_settings()).decode()
    assert ('"cells"' in written["state"], '"board"' in written["state"]) == (True, False)
    assert '"seconds":40' in written["settings"]
    assert codec.room_of(written) == room, "what it writes it reads"


@pytest.mark.usefixtures("_later")
def test_a_log_of_the_version_before_is_replayed_from_its_checkpoint(played: Live) -> None:
    begun = max(played.rows.checkpoints)
    room = archive.opened(ROOM, 0, played.rows.checkpoints[0])
    ended = replay(room, logged(played))
    assert ended == codec.room_of(played.rows.load_row())
    assert archive.forward(archive.opened(ROOM, begun, played.rows.checkpoints[begun]), begun, logged(played)[begun:])
    assert codec.restore(dump(ended)) == ended


def test_a_row_of_the_log_that_this_version_decided_is_compared_to_the_byte(played: Live) -> None:
    rows = logged(played)
    assert isinstance(replay(played.first, rows), Room)
    line, decision = played.log[-1], played.decisions[-1]
    silent = replace(played.updates[-1], events=b"[]")
    rows[-1] |= log_row(silent, line.sender, line.command, decision.give)
    assert replay(played.first, rows) == Difference(rows[-1]["seq"], "events")


@pytest.mark.usefixtures("_later")
def test_rules_that_are_no_more_are_not_replayed(played: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Later, "replays_since", 2)
    room = archive.opened(ROOM, 0, played.rows.checkpoints[0])
    found = replay(room, logged(played))
    assert isinstance(found, Difference)
    assert (found.seq, found.what) == (1, f"{RULES_GONE}, of version 1")
    assert codec.room_of(played.rows.load_row()).table.game_version == 2, "and the room goes on"


def test_a_change_that_nobody_declared_is_refused_and_not_dropped(played: Live) -> None:
    with having(Unsaid()):
        with pytest.raises(Corrupted, match="unknown") as refused:
            codec.room_of(played.rows.load_row())
        assert refused.value.code == "room_unavailable", "code that knows the field may come"
        for text in played.rows.checkpoints.values():
            with pytest.raises(Corrupted, match="unknown"):
                archive.opened(ROOM, 0, text)


@pytest.mark.parametrize("name", ["v", "gv"])
def test_what_a_later_release_wrote_is_left_to_it(played: Live, name: str) -> None:
    row = played.rows.load_row()
    state = {**msgspec.json.decode(row["state"]), name: 7}
    with pytest.raises(Newer, match="version 7 of the") as newer:
        codec.room_of({**row, "state": msgspec.json.encode(state).decode()})
    refusal = newer.value.refusal()
    assert (refusal.code, refusal.retry_after_ms) == ("room_unavailable", 5000)
    checkpoint = {**msgspec.json.decode(dump(played.room)), "table": state}
    with pytest.raises(Newer):
        codec.restore(msgspec.json.encode(checkpoint).decode())
    settings = {**msgspec.json.decode(row["settings"]), "versions": [1, 9]}
    with pytest.raises(Newer):
        codec.room_of({**row, "settings": msgspec.json.encode(settings).decode()})
    rows = logged(played)
    rows[2]["versions"] = Versions(1, 3).packed()
    with pytest.raises(Newer):
        archive.forward(played.first, 0, rows)


def test_a_version_that_there_never_was_is_no_newer_one(played: Live) -> None:
    row = played.rows.load_row()
    state = {**msgspec.json.decode(row["state"]), "v": 0}
    with pytest.raises(Corrupted, match="version 0 of the room") as refused:
        codec.room_of({**row, "state": msgspec.json.encode(state).decode()})
    assert not isinstance(refused.value, Newer)


def test_the_room_itself_has_upcasters_for_each_part() -> None:
    class Third(Later):
        version = 3
        upcasters: ClassVar = {**Later.upcasters, 2: Upcaster(state=lambda raw: {**raw, "third": True})}

    def marked(raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, "steps": [*raw.get("steps", ()), len(raw.get("steps", ()))]}

    each = RoomUpcaster(table=marked, settings=marked, member=lambda raw: [*raw, 0], command=marked)
    upcast = Upcast(Versions(1, 1), Third(), 3, {1: each, 2: each})
    table = upcast.table({"v": 1, "game": {"board": "x"}})
    assert table == {"v": 3, "gv": 3, "steps": [0, 1], "game": {"cells": "x", "third": True}}
    assert upcast.settings({"options": {"turn_seconds": 3}}) == {"options": {"seconds": 3}, "steps": [0, 1]}
    assert upcast.member(["Ann"]) == ["Ann", 0, 0]
    moved = upcast.command({"type": "act", "move": "mark", "arguments": {"cell": 1}})
    assert moved == {"type": "act", "move": "mark", "arguments": {"at": 1}, "steps": [0, 1]}
    assert not Upcast(Versions(3, 3), Third(), 3, {1: each, 2: each}).needed
    with pytest.raises(OtherVersion):
        Upcast(Versions(4, 1), Third(), 3, {1: each, 2: each})


def test_every_version_before_has_its_upcaster() -> None:
    for wrong in ({"version": 3}, {"upcasters": {1: Upcaster()}}, {"version": 0}, {"replays_since": 2}):
        with pytest.raises(TypeError):
            type("Wrong", (TicTacToe,), wrong)


def test_versions_are_packed_into_two_bytes() -> None:
    for versions in (Versions(1, 1), Versions(127, 255)):
        assert Versions.of(versions.packed()) == versions
        assert versions.packed() < 2**15
    assert Versions(1, 1).packed() == 257, "what the column has where nothing is said"
