"""`tavola upgrade check`: a release that would not load a room, or would decide otherwise, is told of it before."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from kit.command_line import tavola
from kit.damage import execute, playing
from kit.games import having
from kit.hosts import connected, hosting, stored
from kit.later import Later, Unsaid
from tavola.games.base import Entropy, Move, Outcome, Refusal, SeatIndex
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState
from tavola.upgrade import examined


class Otherwise(TicTacToe):
    """Its author has changed the rules, and said nothing: a cell may be marked twice as fast."""

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        outcome = super().play(state, options, seat, move, entropy)
        if isinstance(outcome, Refusal):
            return outcome
        return msgspec.structs.replace(outcome, state=msgspec.structs.replace(outcome.state, turn=seat))


class NewRules(Later):
    replays_since = 2


async def test_what_a_release_would_do_with_stored_rooms(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        marked = [(await playing(database, a))[0] for _ in range(3)]
        await playing(database, a, "holdem")
        last = (await stored(database, marked[0]))["seq"]
        before = await execute(database_url, "SELECT * FROM game_states ORDER BY room_id")

        same = await examined(database, 100, 500)
        assert (same.rooms, same.replayed, same.found) == (4, 4, [])
        assert same.rows > 3 * last
        assert (await examined(database, 0, 500)).replayed == 0
        assert (await examined(database, 100, 1)).rows < same.rows

        with having(Later()):
            later = await examined(database, 100, 500)
        assert (later.rooms, later.rows, later.found, later.rules_gone) == (4, same.rows, [], 0)
        with having(NewRules()):
            changed = await examined(database, 100, 500)
        assert (changed.rooms, changed.found, changed.rules_gone) == (4, [], 3)

        with having(Unsaid()):
            unsaid = await examined(database, 100, 500)
        assert [(found.room, found.game, found.seq) for found in unsaid.found] == [
            (room, "tictactoe", last) for room in sorted(marked)
        ]
        assert all("unknown" in found.problem for found in unsaid.found)
        with having(Otherwise()):
            otherwise = await examined(database, 100, 500)
        assert {found.room for found in otherwise.found} == set(marked)
        assert all("differs from" in found.problem for found in otherwise.found)
        assert await execute(database_url, "SELECT * FROM game_states ORDER BY room_id") == before


async def test_the_command_says_so_and_fails(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as a:
        room, _ = await playing(database, a)
    code, out, error = await tavola(database_url, tmp_path, "upgrade", "check")
    assert (code, "1 rooms read" in out, "would go on" in out) == (0, True, True), out + error
    await execute(database_url, "UPDATE game_states SET state = '{}'")
    code, out, error = await tavola(database_url, tmp_path, "upgrade", "check")
    assert (code, room in out, "1 of 1 rooms would not go on" in error) == (1, True, True), out + error
    code, out, error = await tavola(database_url, tmp_path, "upgrade", "check", "--json")
    told = json.loads(out)
    assert (code, told["rooms"], [found["room"] for found in told["found"]]) == (1, 1, [room]), error
    await execute(database_url, "DELETE FROM migrations WHERE name LIKE '0009%'")
    code, out, error = await tavola(database_url, tmp_path, "upgrade", "check")
    assert (code, "tavola migrate" in error, "0009_versions.sql" in error) == (1, True, True), out + error
