"""Players who go and come back: short turns, the graces, the seat kept and freed, and nothing lost by returning."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kit.rooms import HOST, ROOM, Live
from kit.stories import accepted, asks, kinds, mid_hand, refused, role, room
from tavola.actors.room import clock
from tavola.actors.room.state import Away, Decision, Nothing, Seat, Turn
from tavola.actors.wire.commands import (
    Act,
    Approve,
    Connected,
    Disconnected,
    Kick,
    LeaveSeat,
    Pause,
    Recover,
    Resume,
    SitOut,
    TakeSeat,
    UserId,
    Wake,
)
from tavola.games.base import SeatIndex

DISCONNECTED_MS, FREED_MS = 300_000, 600_000
TURN_MS, BANK_MS = 20_000, 30_000


def goes(live: Live, user: str) -> Any:
    command = Disconnected(id=live.id(), room=ROOM, user_id=user, disconnected_ms=DISCONNECTED_MS, freed_ms=FREED_MS)
    return live.send("", command)


def returns(live: Live, user: str) -> Any:
    return live.send("", Connected(id=live.id(), room=ROOM, user_id=user))


def gone(live: Live, user: str) -> Decision:
    verdict = goes(live, user)
    assert isinstance(verdict, Decision), verdict
    return verdict


def back(live: Live, user: str) -> Decision:
    verdict = returns(live, user)
    assert isinstance(verdict, Decision), verdict
    return verdict


def seat(live: Live, user: str) -> Seat:
    return next(seat for seat in live.room.table.seats.values() if seat.user == user)


def away(live: Live, user: str) -> Away:
    absence = seat(live, user).away
    assert absence is not None
    return absence


def status(live: Live, user: str) -> str:
    view = live.viewers[UserId(HOST)].view["seats"]
    return next(str(seat["status"]) for seat in view.values() if seat["user_id"] == user)


def shown_turn(live: Live) -> dict[str, int]:
    turn: dict[str, int] = live.viewers[UserId(HOST)].view["turn"]
    return turn


def turn(live: Live) -> Turn:
    now = live.room.table.turn
    assert now is not None
    return now


def rings(live: Live) -> int:
    due = clock.alarm(live.room)
    assert due is not None
    return due


def actor(live: Live) -> str:
    user = live.to_act()
    assert user is not None
    return user


def other(live: Live) -> str:
    return next(str(seat.user) for seat in live.room.table.seats.values() if seat.user != live.to_act())


def test_who_goes_is_away_at_once_and_all_are_told() -> None:
    live = mid_hand("ann")
    decision = gone(live, "ann")
    assert kinds(decision.events) == ["player_away"]
    assert status(live, "ann") == "away"
    assert goes(live, "ann") == Nothing()
    assert goes(live, "guest") == Nothing()


def test_on_his_turn_he_is_given_two_seconds_from_when_he_went() -> None:
    live = mid_hand("ann")
    live.now += 5_000
    gone(live, actor(live))
    assert rings(live) == live.now + 2_000
    assert shown_turn(live)["deadline_ms"] == live.now + 2_000
    assert shown_turn(live)["timebank_ms"] == 0


def test_how_long_he_has_for_a_turn_is_the_deployments_to_say() -> None:
    live = mid_hand("ann")
    player = actor(live)
    command = Disconnected(id=live.id(), room=ROOM, user_id=player, disconnected_ms=1, freed_ms=2, turn_ms=700)
    assert isinstance(live.send("", command), Decision)
    assert shown_turn(live)["deadline_ms"] == live.now + 700


def test_a_turn_that_comes_to_him_while_he_is_away_is_short_and_spares_his_timebank() -> None:
    live = mid_hand("ann")
    missing = other(live)
    gone(live, missing)
    live.now += 1_000
    decision = accepted(live, actor(live), Act, move="call")
    started = next(event for event in decision.events if event.kind == "turn_started")
    assert actor(live) == missing
    assert started.fields["deadline_ms"] == live.now + 2_000 == rings(live)
    bank = seat(live, missing).timebank_ms
    verdict = live.wake()
    assert isinstance(verdict, Decision)
    moved = [event for event in verdict.events if event.fields.get("automatic")]
    assert [event.fields["move"] for event in moved] == ["check"]
    assert seat(live, missing).timebank_ms == bank


def test_nobody_gains_time_by_going() -> None:
    """Their time would have been up sooner than two seconds from now: it still is."""
    live = mid_hand("ann")
    live.now += TURN_MS + BANK_MS - 500
    gone(live, actor(live))
    assert rings(live) == live.now + 500


def test_the_timebank_that_ran_before_he_went_is_charged_and_no_more() -> None:
    live = mid_hand("ann")
    player = actor(live)
    live.now += TURN_MS + 4_000
    gone(live, player)
    live.now += 1_500
    back(live, player)
    accepted(live, player, Act, move="call")
    assert seat(live, player).timebank_ms == BANK_MS - 5_500, "they were back in time, so the clock ran on"
    live = mid_hand("ann")
    player = actor(live)
    live.now += TURN_MS + 4_000
    gone(live, player)
    live.wake()
    assert seat(live, player).timebank_ms == BANK_MS - 4_000


def test_back_in_time_everything_is_as_before() -> None:
    live = mid_hand("ann")
    player = actor(live)
    before, clock_before = live.room.table, shown_turn(live)
    live.now += 1_000
    gone(live, player)
    live.now += 1_000
    decision = back(live, player)
    assert kinds(decision.events) == ["player_reconnected"]
    assert live.room.table.seats == before.seats
    assert live.room.table.turn == before.turn
    assert shown_turn(live) == clock_before
    assert status(live, player) == "active"
    assert returns(live, player) == Nothing()


def test_after_the_first_grace_he_is_disconnected_and_sits_out() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    gone(live, "ann")
    assert rings(live) == live.now + DISCONNECTED_MS
    live.now = rings(live) - 1
    assert live.send("", Wake(id="wake", room=ROOM)) == Nothing()
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert kinds(decision.events) == ["player_disconnected", "player_sat_out"]
    assert status(live, "ann") == "disconnected"
    decision = back(live, "ann")
    assert kinds(decision.events) == ["player_reconnected", "player_sat_in"]
    assert status(live, "ann") == "active"


def test_who_had_sat_out_himself_stays_so_when_he_comes_back() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    accepted(live, "ann", SitOut)
    gone(live, "ann")
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert kinds(decision.events) == ["player_disconnected"]
    assert kinds(back(live, "ann").events) == ["player_reconnected"]
    assert status(live, "ann") == "sitting_out"


def test_after_the_second_grace_the_seat_is_freed_with_his_chips_told() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1, 500)
    gone(live, "ann")
    left = live.now
    live.wake()
    assert rings(live) == left + FREED_MS
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert [(event.kind, event.fields) for event in decision.events] == [
        ("seat_freed", {"seat_index": 1, "user_id": "ann", "chips": 500})
    ]
    assert role(live, "ann") == "approved", "they may sit down again, and watch nothing meanwhile"
    assert clock.alarm(live.room) is None
    live.write()
    assert set(live.rows.seats) == {0}
    accepted(live, "ann", TakeSeat, seat_index=1)


def test_in_the_middle_of_a_hand_the_seat_is_freed_when_the_hand_ends() -> None:
    live = mid_hand("ann", "bob")
    hand = live.room.table.hand
    missing = next(user for user in ("ann", "bob") if user != live.to_act())
    gone(live, missing)
    # The others play so slowly that both graces pass within one hand.
    live.room = _grace_over(live, missing)
    seen: list[str] = []
    while live.room.table.hand == hand and live.room.table.turn is not None:
        verdict = live.wake()
        assert isinstance(verdict, Decision)
        seen += kinds(verdict.events)
    assert seen.index("player_disconnected") < seen.index("seat_freed")
    assert "hand_complete" in seen
    assert missing not in {seat.user for seat in live.room.table.seats.values()}


def _grace_over(live: Live, user: str) -> Any:
    table = live.room.table
    index = SeatIndex(next(i for i, seat in table.seats.items() if seat.user == user))
    absence = replace(away(live, user), disconnected_at=live.now, freed_at=live.now)
    seats = {**table.seats, index: replace(table.seats[index], away=absence)}
    return replace(live.room, table=replace(table, seats=seats))


def test_a_host_whose_seat_is_freed_passes_the_part_on() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    gone(live, HOST)
    live.wake()
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert kinds(decision.events) == ["host_changed"]
    assert live.room.info.host == "ann"
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert kinds(decision.events) == ["seat_freed"]


def test_a_host_who_pauses_and_never_comes_back_does_not_hold_the_table() -> None:
    live = mid_hand("ann")
    accepted(live, HOST, Pause)
    gone(live, HOST)
    assert rings(live) == live.now + FREED_MS
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert kinds(decision.events) == ["host_changed"]
    assert clock.alarm(live.room) is None, "all else still stands"
    accepted(live, "ann", Resume)
    assert live.room.table.turn is not None


def test_a_host_who_is_not_seated_passes_the_part_on_too_and_keeps_it_by_coming_back() -> None:
    live = room("holdem", auto_start=False)
    assert goes(live, HOST) == Nothing(), "there is nobody to take it"
    live.sit("ann", 1)
    assert kinds(gone(live, HOST).events) == []
    back(live, HOST)
    assert clock.alarm(live.room) is None
    gone(live, HOST)
    live.wake()
    assert live.room.info.host == "ann"
    assert clock.alarm(live.room) is None


def test_the_part_passes_to_nobody_who_is_away_himself() -> None:
    live = room("holdem", auto_start=False)
    live.sit("ann", 1)
    gone(live, HOST)
    gone(live, "ann")
    while clock.alarm(live.room) is not None:
        live.wake()
    assert live.room.info.host == HOST


def test_the_last_one_stays_host_though_his_seat_is_freed() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    gone(live, HOST)
    live.wake()
    live.wake()
    assert live.room.table.seats == {}
    assert live.room.info.host == HOST


def test_who_leaves_while_he_is_away_is_not_woken_for() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    gone(live, "ann")
    accepted(live, "ann", LeaveSeat)
    assert clock.alarm(live.room) is None
    assert returns(live, "ann") == Nothing()


def test_the_graces_stand_still_while_the_room_is_paused() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    gone(live, "ann")
    live.now += 100_000
    accepted(live, HOST, Pause)
    assert clock.alarm(live.room) is None
    live.now += 10_000_000
    assert live.send("", Wake(id="wake", room=ROOM)) == Nothing()
    accepted(live, HOST, Resume)
    assert rings(live) == live.now + DISCONNECTED_MS - 100_000


def test_who_goes_while_the_room_is_paused_has_all_of_his_grace_afterwards() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    accepted(live, HOST, Pause)
    live.now += 1_000_000
    gone(live, "ann")
    assert status(live, "ann") == "away"
    live.now += 1_000_000
    accepted(live, HOST, Resume)
    assert rings(live) == live.now + DISCONNECTED_MS


def test_after_a_crash_nobody_loses_his_seat_before_he_could_come_back() -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    gone(live, "ann")
    live.now += 10_000_000
    verdict = live.send("", Recover(id="recover", room=ROOM))
    assert isinstance(verdict, Decision)
    assert rings(live) == live.now + clock.MERCY_MS
    live.wake()
    assert status(live, "ann") == "disconnected"


def test_after_a_crash_a_player_who_is_away_has_ten_seconds_for_his_turn() -> None:
    live = mid_hand("ann")
    gone(live, actor(live))
    live.now += 60_000
    verdict = live.send("", Recover(id="recover", room=ROOM))
    assert isinstance(verdict, Decision)
    assert rings(live) == live.now + clock.MERCY_MS
    assert shown_turn(live)["deadline_ms"] == live.now + clock.MERCY_MS


def test_in_a_game_that_nobody_can_sit_out_of_he_is_only_disconnected() -> None:
    live = room("tictactoe", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    gone(live, "ann")
    decision = live.wake()
    assert isinstance(decision, Decision)
    assert kinds(decision.events) == ["player_disconnected"]
    assert kinds(back(live, "ann").events) == ["player_reconnected"]


def test_whoever_is_not_at_the_table_is_not_told_who_is_away() -> None:
    live = room("holdem", approval="host", auto_start=False)
    live.sit("host", 0)
    asks(live, "ann")
    accepted(live, HOST, Approve, user_id="ann")
    live.sit("ann", 1)
    gone(live, "ann")
    assert b"player_away" not in live.viewers[UserId("guest")].frames[-1]
    assert b"player_away" in live.viewers[UserId("host")].frames[-1]


def test_who_is_being_put_out_cannot_act_for_the_seat_that_he_still_holds() -> None:
    live = mid_hand("ann", "bob")
    player = next(user for user in ("ann", "bob") if user != live.to_act())
    accepted(live, HOST, Kick, user_id=player)
    assert refused(live, player, Act, move="fold") == "not_seated"
    assert returns(live, player) == Nothing()
