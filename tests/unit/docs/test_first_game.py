"""The tutorial, taken at its word: its game is played as it stands there."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from kit.examples import example
from kit.games import having
from tavola.actors.room.codec import restore
from tavola.actors.room.decide import decide, open_room
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Decision, Info, Room
from tavola.actors.wire.commands import SYSTEM, Act, RequestJoin, RoomId, Sender, TakeSeat, UserId, Wake
from tavola.games.base import Entropy, Game

TUTORIAL = "docs/tutorial-first-game.md"


def _changed() -> str:
    """The game's text with the change that the tutorial makes."""
    before, change = example(TUTORIAL, "class NimOptions"), example(TUTORIAL, "def heap_for_stones")
    head, state, game = re.split(r"^(?=class )", change, flags=re.MULTILINE)
    said = [line for line in game.splitlines() if line.startswith("    ") and "#" not in line]
    assert len(said) == 2
    kept = re.sub(r"^class NimState.*?(?=^class )", lambda _: f"{head}{state}", before, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^class Nim\(.*:\n", lambda found: found[0] + "\n".join((*said, "")), kept, flags=re.MULTILINE)


def test_the_tutorials_change_reads_the_rooms_that_are_there(nim: Game[Any, Any]) -> None:
    info = Info(id=RoomId("r"), code="C", name="N", game="nim", options=nim.options_type(), host=UserId("ann"))
    room = open_room(info, "Ann", 0)
    played = replace(room, table=replace(room.table, game=replace(room.table.game, stones=17)))
    stored = dump(played)
    assert '"stones":17' in stored
    module = ModuleType("nim_later")
    sys.modules["nim_later"] = module
    try:
        exec(compile(_changed(), TUTORIAL, "exec"), module.__dict__)
        with having(module.Nim()):
            found = restore(stored)
            assert (found.table.game.stones, found.table.game_version) == (17, 2)
            assert '"heap":17' in dump(found)
            assert restore(dump(found)) == found
    finally:
        del sys.modules["nim_later"]


@pytest.fixture
def nim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Game[Any, Any]]:
    module = ModuleType("nim")
    monkeypatch.setitem(__import__("sys").modules, "nim", module)
    exec(compile(example(TUTORIAL, "class NimOptions"), TUTORIAL, "exec"), module.__dict__)
    game: Game[Any, Any] = module.Nim()
    with having(game):
        yield game


def test_the_tutorials_game_can_be_played_to_its_end(nim: Game[Any, Any]) -> None:
    users = [Sender(UserId("ann"), "Ann"), Sender(UserId("bob"), "Bob")]
    chance = random.Random(1)
    info = Info(
        id=RoomId("r"), code="C", name="N", game="nim", options=nim.options_type(), host=users[0].user, approval="auto"
    )
    room, now, results = open_room(info, "Ann", 0), 0, []

    def do(sender: Sender, command: Any) -> Room:
        verdict = decide(room, sender, command, now, Entropy(chance.randbytes(32)))
        assert isinstance(verdict, Decision), verdict
        if verdict.result is not None:
            results.append(verdict.result)
        return verdict.room

    given: Any = {"id": "1", "room": "r"}
    room = do(users[1], RequestJoin(**given, display_name="Bob"))
    for index, user in enumerate(users):
        room = do(user, TakeSeat(**given, seat_index=index))
    for _ in range(100):
        now += 1
        turn = room.table.turn
        if turn is None:
            assert room.table.advance_at is not None
            now = room.table.advance_at
            room = do(SYSTEM, Wake(**given))
            continue
        sender = users[turn.seat]
        (move,) = nim.legal(room.table.game, info.options, turn.seat)
        stones = chance.randint(move["stones"]["min"], move["stones"]["max"])
        room = do(sender, Act(**given, move="take", turn=turn.number, arguments={"stones": stones}))
    assert len(results) > 5
    assert {result["winner"] for result in results} == {0, 1}
