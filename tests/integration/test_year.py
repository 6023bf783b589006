"""A year of a deployment, in some minutes: rooms open, are played in, abandoned, closed, archived and removed; one
upgrade of a game in the middle of a round, and one room taken back.

Postgres, the host, its commits, the queries of the steward's rounds, retention, removal and archive are the real ones.
The clock is the test's: it jumps from one thing that is due to the next, which is more than a thousand times faster
than life. So nothing here goes by Ray, Redis or sockets, whose timeouts are of this world: who is there is told as
edges tell it, and rooms whose alarm has passed are placed and roused as the steward does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.games import having
from kit.hosts import Table, connected, hosting, place
from kit.later import Later
from kit.lives import keep_round
from tavola.actors.host.presence import ROUND_TICKS
from tavola.actors.outside.opening import open_rows
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.upkeep.retention import DAY_MS
from tavola.actors.wire.commands import (
    OPERATOR,
    Act,
    Epoch,
    RequestJoin,
    RollBack,
    RoomId,
    Spectate,
    TakeSeat,
    UserId,
)
from tavola.actors.wire.errands import Opening
from tavola.actors.wire.messages import Committed, Evict, Ok, ReportPresence, Submit
from tavola.actors.wire.settings import RoomWish
from tavola.config.settings import Settings
from tavola.rollback import planned
from tavola.storage.postgres import Database

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

DAYS = 365
ROOMS_A_DAY = 2
EMPTY_MS = 1_800_000
KEEP_LOG, KEEP_CLOSED = 30, 7
UPGRADE_DAY, BACK_DAY = 180, 240
GAME = (("host", 0), ("ann", 3), ("host", 1), ("ann", 4), ("host", 2))


class Year:
    def __init__(self, url: str, database: Database, table: Table, archive: Path) -> None:
        self.url, self.database, self.table = url, database, table
        self.settings = Settings(
            TAVOLA_ARCHIVE=str(archive), TAVOLA_KEEP_LOG_DAYS=KEEP_LOG, TAVOLA_KEEP_CLOSED_ROOMS_DAYS=KEEP_CLOSED,
            TAVOLA_KEEP_HANDS_DAYS=KEEP_LOG,
        )  # fmt: skip
        self.number = 0
        self.cell = "cell"
        """The name that the release which runs gives a move's argument."""
        self.epochs: dict[RoomId, Epoch] = {}

    async def rows(self, query: str, *values: Any) -> list[Any]:
        connection = await self.database.take()
        try:
            found: list[Any] = await connection.fetch(query, *values)
            return found
        finally:
            await self.database.give_back(connection)

    async def open(self) -> RoomId:
        self.number += 1
        room, now = RoomId(f"r_{self.number:016x}"), self.table.time.ms
        wish = RoomWish("tictactoe", approval="auto", options={"rematch_seconds": 3})
        rows = open_rows(wish, room, f"C{self.number:05d}", "A table", UserId("host"), "Host", now, EMPTY_MS)
        assert isinstance(rows, Opening), rows
        made = await self.database.row(
            "create_room", room_id=room, code=f"C{self.number:05d}", game=rows.game, settings=rows.settings,
            host_id="host", max_players=rows.max_players, at=now, creation_id=None, host_name="Host",
            state=rows.state, checkpoint=rows.checkpoint, alarm_at=rows.alarm_at, reserved=[], reserved_for=None,
            most_hosted=0, most_opened=0,
        )  # fmt: skip
        assert made is not None
        return room

    async def placed(self, room: RoomId) -> Epoch:
        await self.database.row("beat_actor", name=self.table.name, measured=None)
        await self.database.rows("recount_actors")
        epoch = self.epochs[room] = await place(self.database, room)
        return epoch

    async def tells(self, room: RoomId, here: str = "", gone: str = "") -> None:
        came, went = (tuple(UserId(user) for user in named.split()) for named in (here, gone))
        assert await self.table.ask(ReportPresence(self.epochs[room], room, "e1", came, went)) == Ok()
        await self.looked()

    async def looked(self) -> None:
        """The host looks at who is there, in all its rooms, and what comes of it is committed."""
        for _ in range(ROUND_TICKS + 1):
            self.table.host.presence.tick()
        await self.settled()

    async def settled(self) -> None:
        await self.table.published.pulse.until(
            lambda: not any(loaded.waiting for loaded in self.table.host.rooms.all())
        )

    async def sat(self, room: RoomId) -> None:
        """Two come, sit down, and a third watches; the first round has begun."""
        epoch = await self.placed(room)
        await self.tells(room, "host ann eve")
        for user in ("ann", "eve"):
            await self.table.does(epoch, user, RequestJoin(id="join", room=room, display_name=user))
        for seat, user in enumerate(("host", "ann")):
            await self.table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
        await self.table.does(epoch, "eve", Spectate(id="watch", room=room))
        self.table.time.ms += 3_000
        await self.table.rouse(epoch, room)
        await self.table.published.pulse.until(lambda: self._turn(room) is not None)

    def _turn(self, room: RoomId) -> Any:
        return next((each.room.table.turn for each in self.table.host.rooms.all() if each.id == room), None)

    async def moves(self, room: RoomId, moves: tuple[tuple[str, int], ...], name: str = "m") -> None:
        for number, (user, cell) in enumerate(moves):
            self.table.time.ms += 1_000
            move = Act(id=f"{name}{number}", room=room, move="mark", arguments={self.cell: cell})
            await self.table.does(self.epochs[room], user, move)

    async def sleeps(self, room: RoomId) -> None:
        """Its actor lets it go, or dies."""
        assert await self.table.ask(Evict(self.epochs[room], room)) == Ok()
        await self.rows("UPDATE rooms SET actor = NULL WHERE id = $1", room)

    async def abandoned(self, room: RoomId) -> None:
        await self.tells(room, gone="host ann eve")

    async def ends(self) -> None:
        """From alarm to alarm until no room is open, as the steward finds them due."""
        while due := await self.rows("SELECT min(alarm_at) AS at FROM rooms WHERE status <> 'closed'"):
            if due[0]["at"] is None:
                break
            self.table.time.ms = max(self.table.time.ms, due[0]["at"] + 1)
            for quiet in (False, True):
                found = await self.database.rows("overdue", before=self.table.time.ms, most=100, quiet=quiet)
                for row in found:
                    await self.placed(RoomId(row["id"]))
            for loaded in list(self.epochs):
                await self.table.rouse(self.epochs[loaded], loaded)
            await self.settled()
            self.table.time.ms += MERCY_MS
            await self.looked()
            closed = await self.rows("SELECT id FROM rooms WHERE status = 'closed' AND id = ANY($1)", list(self.epochs))
            for row in closed:
                await self.sleeps(RoomId(row["id"]))
                del self.epochs[RoomId(row["id"])]
        assert await self.rows("SELECT FROM rooms WHERE status <> 'closed'") == []

    async def rounds(self) -> None:
        await keep_round(self.url, self.table.time.ms, None, self.settings)

    async def goes_back(self, room: RoomId) -> None:
        [row] = await self.rows("SELECT seq FROM game_states WHERE room_id = $1", room)
        plan = await planned(self.database, room, row["seq"], row["seq"] - 1)
        back = RollBack(id="back", room=room, to=plan.to, kept=plan.found.kept, voided=plan.found.voided)
        answer = await self.table.ask(Submit(self.epochs[room], OPERATOR, back))
        assert isinstance(answer, Committed), answer

    async def size(self) -> dict[str, int]:
        """The deployment's size. Autovacuum, which runs every minute of this world, would have a month for what is
        done here in seconds: so it is done by hand before, without giving any space back that it would not give."""
        await self.rows("VACUUM")
        [row] = await self.rows(
            "SELECT pg_database_size(current_database()) AS bytes, (SELECT count(*) FROM rooms) AS rooms,"
            " (SELECT count(*) FROM actions) AS log, (SELECT count(*) FROM hands) AS hands,"
            " (SELECT count(*) FROM removals) AS removals, (SELECT count(*) FROM archives) AS archives,"
            " (SELECT count(*) FROM checkpoints) AS checkpoints, (SELECT count(*) FROM rejoin_tokens) AS tokens"
        )
        return dict(row)


@contextmanager
def later(year: Year) -> Iterator[None]:
    with having(Later()):
        year.cell = "at"
        yield


async def test_a_year(database_url: str, tmp_path: Path) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        year, releases, sizes = Year(database_url, database, table, tmp_path / "archive"), ExitStack(), []
        began = table.time.ms
        with releases:
            for day in range(DAYS):
                table.time.ms = max(table.time.ms, began + day * DAY_MS)
                rooms = [await year.open() for _ in range(ROOMS_A_DAY)]
                await year.sat(rooms[0])
                played: tuple[tuple[str, int], ...] = GAME
                if day == UPGRADE_DAY:  # In the middle of a round.
                    await year.moves(rooms[0], GAME[:2], "before")
                    await year.sleeps(rooms[0])
                    releases.enter_context(later(year))
                    await year.placed(rooms[0])
                    played = GAME[2:]
                if day == BACK_DAY:
                    await year.moves(rooms[0], GAME[:2], "undone")
                    await year.goes_back(rooms[0])
                    await year.settled()
                    assert table.published.messages[-1][1].events.count(b"rolled_back") == 1
                    played = ()
                await year.moves(rooms[0], played)
                await year.abandoned(rooms[0])
                await year.ends()
                await year.rounds()
                table.published.messages.clear()
                if (day + 1) % 30 == 0:
                    sizes.append(await year.size())
                    print(f"month {len(sizes):2}: {sizes[-1]}")
        kept = (KEEP_CLOSED + 2) * ROOMS_A_DAY
        assert all(size["rooms"] <= kept for size in sizes), sizes
        settled = sizes[2]
        for size in sizes[3:]:
            assert size["bytes"] <= settled["bytes"] * 1.25, (settled, size)
            assert size["log"] <= settled["log"] * 1.25, (settled, size)
            assert size["checkpoints"] <= settled["checkpoints"] * 1.25, (settled, size)
        assert len(list((tmp_path / "archive").rglob("*"))) > 10, "what went is in the archive"
        opened = DAYS * ROOMS_A_DAY
        assert year.number == opened
        [gone] = await year.rows("SELECT count(*) AS n FROM removals WHERE finished_at IS NOT NULL")
        assert gone["n"] > 0
