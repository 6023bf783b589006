"""A whole stack lives a year, a day at a time: rooms open, are played in, watched, abandoned, closed, archived and
removed. A game is upgraded in the middle of a round, and a room taken back. Its size at the end of each month is
printed, and has a bound.

The stack's clock is put ahead; nothing else is the test's. `tests/integration/test_year.py` jumps from one thing that
is due to the next instead, and so sees all that happens within a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kit import later
from kit.client import Api, Identity, Player
from kit.command import said, tavola
from kit.stack import Stack, Truth, until
from kit.table import open_room
from tavola.config.clock import SetClock

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

DAYS, MONTH = 360, 30
"""At about a day a second."""
UPGRADE_DAY, BACK_DAY = 180, 240
DAY_MS = 86_400_000
KEEP_LOG, KEEP_CLOSED = 30, 7
SPARE_DAYS = 2
"""A day of the log goes when all of it is too old."""
STEP_MS = 5_000
"""By so much the clock is put ahead at each look, some hundred times a second: a night takes two minutes."""
ENDS_WITHIN = 6
"""Days: players go by steps, and at each jump of the clock a room takes one."""
SLOW_S = 60.0
GAME: tuple[int, ...] = (0, 3, 1, 4, 2)
"""Cells, marked in turn: the first to move has a row."""
FIRST = """
from tavola.games.tictactoe import TicTacToe


class Yearly(TicTacToe):
    kind = "yearly"
    title = "A game for a year"
"""
LATER = """

class Yearly(Later):
    kind = "yearly"
    title = "A game for a year"
"""


class Year:
    def __init__(self, folder: Path) -> None:
        self.clock = SetClock(folder / "ahead")
        self.archive = folder / "archive"
        self._game = folder / "games" / "yearly" / "game.py"
        self._game.parent.mkdir(parents=True)
        (self._game.parent / "__init__.py").touch()
        self._game.write_text(FIRST)
        self.argument = "cell"
        """The name that the release which runs gives a move's argument."""
        self.stack = Stack(
            folder / "data",
            TAVOLA_CLOCK_FILE=str(self.clock.file),
            TAVOLA_GAMES="yearly.game:Yearly",
            TAVOLA_GAMES_PATH=str(folder / "games"),
            TAVOLA_ARCHIVE=str(self.archive),
            TAVOLA_KEEP_LOG_DAYS=str(KEEP_LOG),
            TAVOLA_KEEP_CLOSED_ROOMS_DAYS=str(KEEP_CLOSED),
            TAVOLA_KEEP_HANDS_DAYS=str(KEEP_LOG),
        )

    async def upgraded(self) -> None:
        """All of it is stopped and started with the next release of the game."""
        await asyncio.to_thread(self.stack.stop)
        self._game.write_text(Path(later.__file__).read_text() + LATER)
        self.argument = "at"
        await asyncio.to_thread(self.stack.start)

    @asynccontextmanager
    async def table(self, api: Api, *people: Identity) -> AsyncIterator[tuple[str, list[Player]]]:
        """Two play and one watches; then all are gone without a word."""
        host = people[0]
        room = await open_room(api, host, "yearly", rematch_seconds=0)
        players = [Player(each, room) for each in people]
        try:
            for player in players:
                if player.who is not host:
                    await api.ok("POST", f"/api/rooms/{room}/join", player.who, {"display_name": player.who.name})
                await player.follow(self.stack.urls[0])
            for seat, player in enumerate(players[:2]):
                await player.command("take_seat", seat_index=seat)
            await players[2].command("spectate")
            yield room, players
        finally:
            for player in players:
                await player.leave()

    async def plays(self, players: list[Player], cells: tuple[int, ...]) -> None:
        for cell in cells:
            player = await until(lambda: next((each for each in players[:2] if each.to_act()), None), "a turn")
            ack = await player.command("act", move="mark", turn=player.turn, **{self.argument: cell})
            for each in players:
                await each.until(partial(_beyond, each, ack["seq"]), "the move is seen")

    async def seen_off(self, truth: Truth) -> None:
        """All that has had its time is gone. The clock goes on while that is waited for: a room ends by steps."""
        now = self.clock.now_ms()

        async def old(statement: str, days: int) -> bool:
            if not await truth.value(statement, now - days * DAY_MS):
                return True
            self.clock.put_ahead(STEP_MS)
            return False

        for what, statement, days in (
            ("rooms end", "SELECT count(*) FROM rooms WHERE status <> 'closed' AND created_at < $1", ENDS_WITHIN),
            ("rooms are removed", "SELECT count(*) FROM rooms WHERE created_at < $1", ENDS_WITHIN + KEEP_CLOSED + 1),
            ("the log is dropped", "SELECT count(*) FROM log WHERE at < $1", KEEP_LOG + SPARE_DAYS),
            ("hands are dropped", "SELECT count(*) FROM hands WHERE ended_at < $1", KEEP_LOG + SPARE_DAYS),
        ):
            await until(partial(old, statement, days), what, SLOW_S)


def _beyond(player: Player, seq: int) -> bool:
    return player.seq >= seq


async def _size(truth: Truth) -> dict[str, Any]:
    """Autovacuum, which runs every minute of this world, would have a month for what is done here in two: so it is done
    by hand, without giving any space back that it would not give."""
    await truth.connection.execute("VACUUM")
    [row] = await truth.rows(
        "SELECT pg_database_size(current_database()) AS bytes, (SELECT count(*) FROM rooms) AS rooms,"
        " (SELECT count(*) FROM log) AS log, (SELECT count(*) FROM checkpoints) AS checkpoints,"
        " (SELECT count(*) FROM app_sessions) AS sessions, (SELECT count(*) FROM removals) AS removals,"
        " (SELECT count(*) FROM archives) AS archives"
    )
    return dict(row)


async def test_a_year(tmp_path: Path) -> None:
    year, sizes = Year(tmp_path), []
    await asyncio.to_thread(year.stack.start)
    try:
        for day in range(DAYS):
            morning = year.clock.now_ms()
            async with Api(year.stack.urls[0]) as api:
                people = [await api.sign_in(name) for name in ("Ada", "Ben", "Eve")]
                await open_room(api, people[0], "holdem")  # Nobody ever comes.
                async with year.table(api, *people) as (room, players):
                    cells = GAME
                    if day in (UPGRADE_DAY, BACK_DAY):
                        await year.plays(players, GAME[:2])
                        cells = GAME[2:]
                    if day == UPGRADE_DAY:
                        await year.upgraded()
                        for player in players:
                            await player.follow(year.stack.urls[0])
                    elif day == BACK_DAY:
                        to = players[0].seq - 1
                        await said(year.stack, "room", "rollback", room, "--to", str(to), "--yes")
                        for player in players:
                            await player.until(partial(_taken_back, player), "they are told")
                        cells = GAME[1:]
                    await year.plays(players, cells)
                    for player in players:
                        assert player.faults == [], player.who.name
                        assert sum(event["kind"] == "game_complete" for event in player.events) == 1
            year.clock.put_ahead(max(0, DAY_MS - (year.clock.now_ms() - morning)))
            async with year.stack.truth() as truth:
                await year.seen_off(truth)
                if (day + 1) % MONTH == 0:
                    sizes.append(await _size(truth))
                    print(f"month {len(sizes):2}: {sizes[-1]}", flush=True)
        settled = sizes[2]
        for size in sizes[3:]:
            for what in ("bytes", "rooms", "log", "checkpoints", "sessions"):
                assert size[what] <= settled[what] * 1.25, (what, settled, size)
        assert sizes[-1]["removals"] > 2 * (DAYS - 2 * MONTH)
        for words in (("archive", "verify"), ("doctor",)):
            code, printed = await tavola(year.stack, *words, TAVOLA_ARCHIVE=str(year.archive))
            assert code == 0, printed
        assert len(list(year.archive.rglob("*"))) > 10, "what went is in the archive"
    finally:
        await asyncio.to_thread(year.stack.stop)


def _taken_back(player: Player) -> bool:
    return any(event["kind"] == "rolled_back" for event in player.events)
