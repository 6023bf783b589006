"""Turn clock and timebank: how long there is to think, what is charged, and what a crash gives back."""

from __future__ import annotations

from kit.rooms import ROOM, Live, info
from tavola.actors.room import clock
from tavola.actors.room.state import Decision, Nothing, Turn
from tavola.actors.wire.commands import Act, Chat, Recover, Wake
from tavola.games.base import Clock, SeatIndex

TURN_MS, BANK_MS, REFILL_MS = 20_000, 30_000, 5_000
SEAT = SeatIndex(0)


def table(**options: int) -> Live:
    """Two players of hold'em, a hand under way."""
    live = Live(info("holdem", seats=2, **options), ("host", "ann"))
    live.sit("host", 0)
    live.sit("ann", 1)
    live.wake()
    assert turn(live).deadline_ms == live.now + TURN_MS
    return live


def turn(live: Live) -> Turn:
    now = live.room.table.turn
    assert now is not None
    return now


def act(live: Live, move: str) -> Decision:
    user = live.to_act()
    assert user is not None
    verdict = live.send(user, Act(id=live.id(), room=ROOM, move=move))
    assert isinstance(verdict, Decision), verdict
    return verdict


def bank(live: Live, seat: SeatIndex) -> int:
    return live.room.table.seats[seat].timebank_ms


def test_a_turn_ends_with_deadline_and_timebank() -> None:
    assert clock.fires_at(Turn(1, SEAT, 100, 30)) == 130


def test_what_is_left_of_the_timebank() -> None:
    turn = Turn(1, SEAT, 100, 30)
    assert [clock.left_of_timebank(turn, now) for now in (0, 100, 101, 129, 130, 500)] == [30, 30, 29, 1, 0, 0]


def test_the_timebank_refills_up_to_its_size() -> None:
    times = Clock(turn_ms=1, timebank_ms=30, refill_ms=5)
    assert [clock.refilled(left, times) for left in (0, 24, 25, 28, 30)] == [5, 29, 30, 30, 30]


def test_recovery_gives_what_was_left_at_the_last_commit_or_ten_seconds() -> None:
    turn = Turn(3, SEAT, deadline_ms=20_000, timebank_ms=500)
    assert clock.recovered(turn, 1_000, 100_000) == Turn(3, SEAT, 119_000, 500)
    assert clock.recovered(turn, 19_000, 100_000) == Turn(3, SEAT, 110_000, 500)
    assert clock.recovered(turn, 40_000, 100_000) == Turn(3, SEAT, 110_000, 500), "they were in their timebank"
    assert clock.recovered(turn, 1_000, 1_000) == turn, "no time was lost"


def test_who_decides_in_time_keeps_his_timebank() -> None:
    live = table()
    seat = turn(live).seat
    live.now = turn(live).deadline_ms
    act(live, "call")
    assert bank(live, seat) == BANK_MS


def test_who_decides_late_pays_with_his_timebank() -> None:
    live = table()
    seat = turn(live).seat
    live.now = turn(live).deadline_ms + 7_000
    act(live, "call")
    assert bank(live, seat) == BANK_MS - 7_000


def test_the_move_that_ends_the_hand_is_charged_too() -> None:
    live = table()
    seat = turn(live).seat
    live.now = turn(live).deadline_ms + 7_000
    act(live, "fold")
    assert live.room.table.turn is None
    assert bank(live, seat) == BANK_MS - 7_000
    live.wake()
    assert bank(live, seat) == BANK_MS - 7_000 + REFILL_MS


def test_whose_time_has_run_out_checks_or_folds_and_has_no_timebank_left() -> None:
    live = table()
    seat = turn(live).seat
    live.now = clock.fires_at(turn(live)) - 1
    assert isinstance(live.send("", Wake(id="wake", room=ROOM)), Nothing)
    live.now += 1
    verdict = live.send("", Wake(id="wake", room=ROOM))
    assert isinstance(verdict, Decision)
    moved = verdict.events[0]
    assert (moved.kind, moved.fields["move"], moved.fields["automatic"]) == ("player_action", "fold", True)
    assert bank(live, seat) == 0


def test_talk_does_not_move_the_clock() -> None:
    live = table()
    before = turn(live)
    live.now += 5_000
    live.send("ann", Chat(id="chat", room=ROOM, text="hello"))
    assert turn(live) == before


def test_after_a_recovery_nobody_has_lost_time_and_the_turn_is_the_same() -> None:
    live = table()
    before = turn(live)
    live.now += 3_600_000
    verdict = live.send("", Recover(id="recover", room=ROOM))
    assert isinstance(verdict, Decision)
    assert [event.kind for event in verdict.events] == ["turn_started"]
    assert turn(live) == Turn(before.number, before.seat, live.now + TURN_MS, before.timebank_ms)
    live.send(live.to_act() or "", Act(id="late", room=ROOM, move="call", turn=before.number))
    assert live.room.table.turn != before


def test_a_room_without_a_turn_has_nothing_to_recover() -> None:
    live = Live(info("holdem"))
    assert isinstance(live.send("", Recover(id="recover", room=ROOM)), Nothing)


def test_time_does_not_run_backwards() -> None:
    live = table()
    at = live.room.table.at
    live.now -= 10_000
    act(live, "call")
    assert live.room.table.at == at
    assert turn(live).deadline_ms == at + TURN_MS


def test_the_alarm_is_what_comes_first() -> None:
    live = Live(info("holdem", seats=2))
    assert clock.alarm(live.room) is None
    live.sit("host", 0)
    live.sit("ann", 1)
    assert clock.alarm(live.room) == live.now + 3_000
    live.wake()
    assert clock.alarm(live.room) == live.now + TURN_MS + BANK_MS
