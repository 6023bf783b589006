"""A game with a mistake in it: whoever meets it is told so, it is found at once, and nobody else notices.

A command at which the game goes wrong is refused. A fault when time has run out ends the round, or halts the
room, by an update that is logged like any other: no clock rings for ever, and the log can be replayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from kit import broken
from kit.games import having
from kit.hosts import Table, Time, connected, hosting, log_of, open_room, place, stored
from kit.rooms import HOST, ROOM, Live, info, sender
from tavola.actors.past import replay
from tavola.actors.room import clock, codec
from tavola.actors.room.state import Decision, Nothing
from tavola.actors.wire import mistakes
from tavola.actors.wire.commands import (
    Act,
    Chat,
    Epoch,
    GiveUp,
    LeaveSeat,
    RequestJoin,
    Resume,
    RoomId,
    Start,
    TakeSeat,
    UserId,
)
from tavola.actors.wire.messages import Committed, GetView, Ok, ReportPresence, Submit, ViewAt
from tavola.actors.wire.refusals import GAME_ERROR
from tavola.games.registry import GAMES
from tavola.games.tictactoe import TicTacToe
from tavola.storage.postgres import Database

TIMEOUTS = ("timeout_fails", "timeout_illegal", "timeout_changes_nothing", "timeout_cannot_be_shown")


@pytest.fixture(autouse=True)
def games() -> Iterator[None]:
    with having(*broken.ALL):
        yield


class Two:
    """A room with two players, in a host with other rooms."""

    def __init__(self, table: Table, database: Database, room: RoomId, epoch: Epoch) -> None:
        self.table, self.database, self.room, self.epoch = table, database, room, epoch

    @classmethod
    async def seated(cls, table: Table, database: Database, game: str, **options: Any) -> Two:
        room = await open_room(database, game, auto_start=False, **options)
        two = cls(table, database, room, await place(database, room))
        await table.does(two.epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
        await table.does(two.epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        await table.does(two.epoch, "ann", TakeSeat(id="sit", room=room, seat_index=1))
        return two

    async def begin(self) -> None:
        await self.table.does(self.epoch, "host", Start(id="start", room=self.room))

    async def mark(self, user: str, cell: int) -> Any:
        act = Act(id=f"mark {cell}", room=self.room, move="mark", arguments={"cell": cell})
        return await self.table.ask(Submit(self.epoch, sender(user), act))

    async def view(self, user: str = "host") -> dict[str, Any]:
        return await self.table.view(self.epoch, user, self.room)

    async def time_runs_out(self, event: str) -> dict[str, Any]:
        """Until something of that kind has happened, which is returned."""
        self.table.time.ms += 25_000
        assert await self.table.rouse(self.epoch, self.room) == Ok()
        await self.table.published.pulse.until(lambda: self._last(event))
        return self._last(event)

    def _last(self, kind: str) -> dict[str, Any]:
        for room, update in reversed(self.table.published.messages):
            for event in msgspec.json.decode(update.events) if room == self.room else ():
                if event["kind"] == kind:
                    found: dict[str, Any] = event
                    return found
        return {}

    async def log_is_replayed(self) -> list[str]:
        """Byte by byte; the ids of the commands in it."""
        row = await self.database.row("checkpoint_first", room_id=self.room)
        assert row is not None
        now = await stored(self.database, self.room)  # The room may go on meanwhile.
        rows = [row for row in await log_of(self.database, self.room) if row["seq"] <= now["seq"]]
        again = replay.replay(codec.restore(row["state"]), rows)
        assert not isinstance(again, replay.Difference), again
        assert msgspec.json.decode(msgspec.json.encode(again.table)) == msgspec.json.decode(now["state"])
        return [row["command_id"] for row in rows]


async def _others_play(two: Two) -> None:
    """A sound game in the same host goes on."""
    other = await Two.seated(two.table, two.database, "tictactoe")
    await other.begin()
    assert isinstance(await other.mark("host", 4), Committed)


def _told(logs: list[EventDict], event: str = "game.failed") -> list[EventDict]:
    found = [entry for entry in logs if entry["event"] == event]
    assert broken.SECRET not in repr([{**entry, "exc_info": None} for entry in found])
    return found


async def test_a_move_that_fails_is_refused(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        two = await Two.seated(table, database, "broken")
        await two.begin()
        before = await stored(database, two.room)
        with capture_logs() as logs:
            refused = [await two.mark("host", 8) for _ in range(5)]
        assert refused == [GAME_ERROR] * 5
        assert GAME_ERROR.retry_after_ms is None, "the same would come of it"
        [told] = _told(logs)
        assert (told["room"], told["seq"], told["game"]) == (two.room, before["seq"], "broken")
        assert (told["doing"], told["command"], told["error"]) == ("decide", "mark 8", "ValueError")
        assert (await stored(database, two.room))["seq"] == before["seq"]
        assert isinstance(await two.mark("host", 4), Committed), "another move can be made"
        await _others_play(two)
        await two.log_is_replayed()


@pytest.mark.parametrize("game", TIMEOUTS)
async def test_a_timeout_that_cannot_be_played_voids_the_round(database_url: str, game: str) -> None:
    async with connected(database_url) as database, hosting(database, "a", Time()) as table:
        two = await Two.seated(table, database, game, rematch_seconds=1)
        await two.begin()
        with capture_logs() as logs:
            voided = await two.time_runs_out("round_voided")
        assert voided == {"kind": "round_voided", "number": 1, "reason": "game_error"}
        [told] = _told(logs, "game.failed" if game in ("timeout_fails", "timeout_cannot_be_shown") else "game.refused")
        assert (told["room"], told["game"], told["doing"]) == (two.room, game, "decide")
        view = await two.view()
        assert "turn" not in view
        assert set(view["seats"]) == {"0", "1"}, "everybody keeps the seat"
        assert view["game"]["board"] == [None] * 9
        table.published.messages.clear()
        assert await two.time_runs_out("game_started"), "and the next begins"
        assert (await two.view())["turn"]
        await _others_play(two)
        assert [id for id in await two.log_is_replayed() if id.startswith("give_up")]


async def test_a_timeout_that_cannot_be_stored_is_tried_once(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a", Time()) as table:
        two = await Two.seated(table, database, "timeout_cannot_be_stored", rematch_seconds=1)
        await two.begin()
        with capture_logs() as logs:
            voided = await two.time_runs_out("round_voided")
        assert voided == {"kind": "round_voided", "number": 1, "reason": "game_error"}
        assert [told["doing"] for told in _told(logs)] == ["store", "decide"]
        await _others_play(two)
        assert [id for id in await two.log_is_replayed() if id.startswith("give_up")]


async def test_a_replay_does_not_need_the_mistake(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of a game whose mistake has been mended says what it said."""

    async with connected(database_url) as database, hosting(database, "a", Time()) as table:
        two = await Two.seated(table, database, "timeout_fails")
        await two.begin()
        await two.time_runs_out("round_voided")
        monkeypatch.delattr(broken.TimeoutFails, "timeout_move")
        await two.log_is_replayed()


@pytest.mark.parametrize("game", ["void_fails", "deal_fails"])
async def test_what_cannot_even_be_called_off_halts(
    database_url: str, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is lost: when the mistake is mended the host lets play go on."""

    async with connected(database_url) as database, hosting(database, "a", Time()) as table:
        two = await Two.seated(table, database, "void_fails" if game == "void_fails" else "tictactoe")
        await two.begin()
        if game == "deal_fails":
            for cell, user in zip((0, 3, 1, 4, 2), ("host", "ann") * 3, strict=False):
                await two.mark(user, cell)
            monkeypatch.setattr(GAMES["tictactoe"], "advance", GAMES["deal_fails"].advance)
        board = (await two.view())["game"]["board"]
        with capture_logs() as logs:
            halted = await two.time_runs_out("room_paused")
        assert halted == {"kind": "room_paused", "reason": "game_error"}
        assert _told(logs)
        assert not [entry for entry in logs if entry["event"] == "room.alarm_in_vain"]
        view = await two.view()
        assert (view["room"]["status"], view["game"]["board"]) == ("paused", board)
        monkeypatch.undo()
        monkeypatch.setattr(broken.VoidFails, "timeout_move", TicTacToe.timeout_move)
        await table.does(two.epoch, "host", Resume(id="resume", room=two.room))
        assert await two.time_runs_out("player_action" if game == "void_fails" else "game_started")
        await _others_play(two)


async def test_a_seat_that_the_game_does_not_free_is_kept(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a", Time()) as table:
        two = await Two.seated(table, database, "stand_fails")
        assert await table.ask(ReportPresence(two.epoch, two.room, "edge", here=(sender("ann").user,))) == Ok()
        assert await table.ask(ReportPresence(two.epoch, two.room, "edge", gone=(sender("ann").user,))) == Ok()
        await table.published.pulse.until(lambda: two._last("player_away"))
        with capture_logs() as logs:
            table.time.ms += 400_000
            await two.time_runs_out("player_disconnected")
            seq = (await stored(database, two.room))["seq"]
            table.time.ms += 400_000
            await table.rouse(two.epoch, two.room)
            await table.published.pulse.until(lambda: table.published.seqs(two.room)[-1] > seq)
        assert (await two.view())["seats"]["1"]["status"] == "disconnected"
        assert _told(logs)
        assert not [entry for entry in logs if entry["event"] == "room.alarm_in_vain"]
        await _others_play(two)


async def test_what_cannot_be_stored_is_refused_and_spoils_no_batch(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        two = await Two.seated(table, database, "cannot_be_stored")
        sound = await Two.seated(table, database, "tictactoe")
        with capture_logs() as logs:
            refused = table.deliver(two.epoch, "host", Start(id="start", room=two.room))
            with_it = table.deliver(two.epoch, "host", Chat(id="chat", room=two.room, text="begin!"))
            begun = table.deliver(sound.epoch, "host", Start(id="start", room=sound.room))
            assert (await refused, await with_it) == (GAME_ERROR, GAME_ERROR)
            assert isinstance(await begun, Committed)
        [told] = _told(logs)
        assert (told["room"], told["doing"]) == (two.room, "store")
        said = await table.ask(Submit(two.epoch, sender("host"), Chat(id="again", room=two.room, text="it cannot be")))
        assert isinstance(said, Committed), "the room is as it was"
        await two.log_is_replayed()


async def test_what_cannot_be_shown_ends_nobody(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(database_url) as database, hosting(database, "a", Time()) as table:
        two = await Two.seated(table, database, "moody")
        await two.begin()
        monkeypatch.setattr(broken.Moody, "fails", True)
        with capture_logs() as logs:
            assert await table.ask(GetView(two.epoch, sender("stranger"), two.room)) == GAME_ERROR
            assert await two.mark("host", 4) == GAME_ERROR
            assert await table.ask(GetView(two.epoch, sender("host"), two.room)) == GAME_ERROR
        assert {told["doing"] for told in _told(logs)} == {"show", "decide"}
        await _others_play(two)
        monkeypatch.setattr(broken.Moody, "fails", False)
        assert isinstance(await table.look(two.epoch, "host", two.room), ViewAt)
        assert isinstance(await two.mark("host", 4), Committed)


def test_the_same_mistake_is_told_now_and_then() -> None:
    now = 0.0
    told = mistakes.Mistakes(lambda: now)

    def make(error: type[Exception]) -> None:
        try:
            raise error(broken.SECRET)
        except Exception as caught:
            told.tell(caught, "decide", "broken", room="r_1", seq=3)

    with capture_logs() as logs:
        for _ in range(100):
            make(ValueError)
        make(KeyError)
        now += mistakes.AGAIN_S
        make(ValueError)
    assert [(entry["error"], entry["untold"]) for entry in logs] == [
        ("ValueError", 0),
        ("KeyError", 0),
        ("ValueError", 99),
    ]


def test_hold_em_gives_back_all_bets() -> None:
    """Also to those who leave with the hand; what somebody had bet whose seat is free already is shared."""
    users = ("host", "ann", "ben", "cleo")
    live = Live(info("holdem", auto_start=False, default_buy_in=1000), viewers=(*users, "stranger"))
    for seat, user in enumerate(users):
        live.sit(user, seat)
    live.send(HOST, Start(id=live.id(), room=ROOM))
    for user, move in (("cleo", "call"), ("host", "call"), ("ann", "fold")):
        assert isinstance(live.send(user, Act(id=live.id(), room=ROOM, move=move)), Decision)
    assert isinstance(live.send("ann", LeaveSeat(id=live.id(), room=ROOM)), Decision)
    assert isinstance(live.send("cleo", LeaveSeat(id=live.id(), room=ROOM)), Decision)
    assert live.to_act() == "ben"
    assert live.send("", GiveUp(id="give_up", room=ROOM)) == Nothing(), "it is not due yet"
    live.now = clock.alarm(live.room) or 0
    voided = live.send("", GiveUp(id="give_up", room=ROOM))
    assert isinstance(voided, Decision)
    assert [(event.kind, event.fields.get("chips")) for event in voided.events][:2] == [
        ("round_voided", None),
        ("seat_freed", 1002),
    ]
    assert {seat.index: seat.chips for seat in live.room.table.game.seats} == {0: 1001, 2: 1002}, "the small blind's 5"
    live.write()
    assert live.rows.hands[1, 1]["record"] == {"voided": True}
    cards = set(live.viewers[UserId("host")].view["me"]["hole_cards"])
    for user, viewer in live.viewers.items():
        assert viewer.view == viewer.fresh(live.room)
        assert user == "host" or not any(card.encode() in frame for frame in viewer.frames for card in cards)
    live.wake()
    assert live.room.table.hand == 2, "the next hand is dealt"
