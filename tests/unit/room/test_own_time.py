"""Clocks of which each player has their own: what a turn takes and gives, kind by kind, and what a room makes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.games import having
from kit.room_script import Script, opened, steps
from kit.rooms import ROOM, START_MS, Live, info, stored
from kit.timed import Timed
from tavola.actors.room import clock
from tavola.actors.room.decide import decide
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Decision, Nothing, Turn
from tavola.actors.room.view import whole
from tavola.actors.wire.commands import (
    Act,
    Chat,
    Connected,
    Disconnected,
    Pause,
    Recover,
    Resting,
    Resume,
    RollBack,
    Wake,
)
from tavola.actors.wire.view import TurnPart, ViewSkeleton
from tavola.games.base import (
    Bronstein,
    ByoYomi,
    Clock,
    Correspondence,
    Fischer,
    Hourglass,
    OwnTime,
    SeatIndex,
)
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions

ONE, OTHER = SeatIndex(0), SeatIndex(1)
HOUR, DAY = 3_600_000, 86_400_000
SOME_MS = st.integers(0, DAY)
TOOK = st.lists(st.integers(-20_000, HOUR), max_size=12)
"""The time that turns took; below zero: a deadline was put off by more than was used."""


@pytest.fixture(autouse=True)
def timed() -> Iterator[None]:
    with having(Timed()):
        yield


def turned(rule: OwnTime, left: clock.Left, seat: SeatIndex, took: int, others: tuple[SeatIndex, ...]) -> clock.Left:
    """The time that is left after a turn that took so long."""
    turn = Turn(1, seat, 1_000_000 + clock.allowed(rule, left, seat), 0)
    return clock.pressed(rule, left, turn, 1_000_000 + took, others)


# The rules


@given(SOME_MS, SOME_MS, TOOK)
def test_fischer_adds_its_increment_to_what_is_left(base: int, increment: int, took: list[int]) -> None:
    rule, left = Fischer(base, increment), clock.left_of(Fischer(base, increment), {}, (ONE, OTHER))
    for each in took:
        after = turned(rule, left, ONE, each, (OTHER,))
        used = min(max(each, 0), left[ONE])
        assert after == {ONE: left[ONE] - used + increment, OTHER: base}
        left = after


@given(SOME_MS, SOME_MS, TOOK)
def test_bronstein_gives_back_what_was_used_and_never_more(base: int, delay: int, took: list[int]) -> None:
    rule, left = Bronstein(base, delay), clock.left_of(Bronstein(base, delay), {}, (ONE, OTHER))
    for each in took:
        after = turned(rule, left, ONE, each, (OTHER,))
        used = min(max(each, 0), left[ONE])
        assert after == {ONE: left[ONE] - max(0, used - delay), OTHER: base}
        assert after[ONE] <= left[ONE]
        left = after


@given(SOME_MS, st.integers(0, 5), st.integers(1, HOUR), TOOK)
def test_a_period_of_byo_yomi_is_whole_again_or_gone(main: int, periods: int, period: int, took: list[int]) -> None:
    rule = ByoYomi(main, periods, period)
    left = clock.left_of(rule, {}, (ONE, OTHER))
    for each in took:
        after = turned(rule, left, ONE, each, (OTHER,))
        used = min(max(each, 0), left[ONE])
        rest = left[ONE] - used
        assert after[OTHER] == left[OTHER]
        if rest > periods * period:
            assert after[ONE] == rest, "main time is used, and nothing of it comes back"
        else:
            assert after[ONE] % period == 0
            assert 0 <= after[ONE] - rest < period
            assert after[ONE] <= left[ONE]
        left = after


def test_byo_yomi_by_example() -> None:
    rule = ByoYomi(main_ms=60_000, periods=3, period_ms=30_000)
    left = clock.left_of(rule, {}, (ONE,))
    seen = []
    for took in (50_000, 15_000, 29_999, 30_000, 59_000):
        left = turned(rule, left, ONE, took, ())
        seen.append(left[ONE])
    assert seen == [100_000, 90_000, 90_000, 60_000, 30_000]
    assert turned(rule, left, ONE, 30_000, ())[ONE] == 0, "the last period is used up"


@given(SOME_MS, st.integers(2, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(-20_000, HOUR)), max_size=12))
def test_an_hourglass_keeps_its_sand(base: int, seats: int, turns: list[tuple[int, int]]) -> None:
    rule, everybody = Hourglass(base), tuple(map(SeatIndex, range(seats)))
    left = clock.left_of(rule, {}, everybody)
    for index, took in turns:
        seat = SeatIndex(index % seats)
        after = turned(rule, left, seat, took, tuple(other for other in everybody if other != seat))
        assert sum(after.values()) == base * seats
        assert after[seat] == left[seat] - min(max(took, 0), left[seat])
        gained = [after[other] - left[other] for other in everybody if other != seat]
        assert max(gained) - min(gained) <= 1
        left = after


def test_an_hourglass_that_nobody_shares_runs_for_nobody() -> None:
    assert turned(Hourglass(5_000), {ONE: 5_000}, ONE, 3_000, ()) == {ONE: 5_000}


@given(st.integers(1, 14 * DAY), TOOK)
def test_correspondence_gives_each_turn_the_same(move: int, took: list[int]) -> None:
    left = clock.left_of(Correspondence(move), {}, (ONE, OTHER))
    for each in took:
        left = turned(Correspondence(move), left, ONE, each, (OTHER,))
        assert left == {ONE: move, OTHER: move}


@given(SOME_MS, SOME_MS, SOME_MS)
def test_a_crash_costs_nobody_time_and_gives_nobody_a_longer_clock(left: int, took: int, away: int) -> None:
    """The time after the last commit is given back, and what is left after the turn is no more than there was."""
    took = min(took, left)
    committed_at = 1_000_000 + took
    turn = clock.recovered(Turn(1, ONE, 1_000_000 + left, 0), committed_at, committed_at + away)
    assert turn.deadline_ms - (committed_at + away) >= left - took
    for rule in (Fischer(left), Bronstein(left), Hourglass(left)):
        after = clock.pressed(rule, {ONE: left, OTHER: 5}, turn, committed_at + away, (OTHER,))
        assert left - took <= after[ONE] <= left
    assert sum(after.values()) == left + 5


def test_a_room_that_was_put_away_is_given_back_what_it_was_woken_late() -> None:
    turn = Turn(1, ONE, 100_000, 0)
    assert clock.recovered(turn, 0, 90_000, rested=True) == turn, "time ran on"
    assert clock.recovered(turn, 0, 100_000 + clock.MERCY_MS, rested=True) == turn, "its time was over"
    assert clock.recovered(turn, 0, 200_000, rested=True).deadline_ms == 300_000, "for 100 s nobody was there to ring"


@given(SOME_MS, st.integers(0, HOUR), st.integers(0, HOUR))
def test_a_pause_takes_no_time(left: int, thought: int, halted: int) -> None:
    thought = min(thought, left)
    turn = Turn(1, ONE, 1_000_000 + left, 0)
    paused_at = 1_000_000 + thought
    again = clock.resumed(turn, paused_at, paused_at + halted, Fischer(left), {ONE: left})
    assert again.deadline_ms - (paused_at + halted) == left - thought


# The room


def table(rule: Any = None, **options: int) -> Live:
    """Two players, a game under way."""
    Timed.rule = rule or Fischer(base_ms=60_000, increment_ms=2_000)
    live = Live(info("timed", **options), ("host", "ann"))
    live.sit("host", 0)
    live.sit("ann", 1)
    live.wake()
    assert live.room.table.turn is not None
    return live


def turn(live: Live) -> Turn:
    now = live.room.table.turn
    assert now is not None
    return now


def act(live: Live, after_ms: int) -> None:
    live.now += after_ms
    [legal] = TicTacToe().legal(live.room.table.game, TicTacToeOptions(), turn(live).seat)
    sent = Act(id=live.id(), room=ROOM, move="mark", arguments={"cell": legal["cell"]["choices"][0]})
    assert isinstance(live.send(live.to_act() or "", sent), Decision)


def free(live: Live) -> SeatIndex:
    """The seat that is not to act."""
    return SeatIndex(1 - turn(live).seat)


def away(live: Live) -> None:
    gone = Disconnected(id=live.id(), room=ROOM, user_id=live.to_act() or "", disconnected_ms=5_000, freed_ms=10_000)
    assert isinstance(live.send("", gone), Decision)


def test_a_turn_runs_to_what_its_player_has_left() -> None:
    live = table()
    first, started = turn(live).seat, live.now
    assert turn(live) == Turn(1, first, started + 60_000, 0)
    act(live, 10_000)
    assert live.room.table.clocks == {first: 52_000, 1 - first: 60_000}
    act(live, 25_000)
    assert turn(live).deadline_ms == live.now + 52_000


def test_the_turn_shows_every_clock_and_its_rule() -> None:
    live = table()
    first = turn(live).seat
    act(live, 10_000)
    for viewer in live.viewers.values():
        assert viewer.view == viewer.fresh(live.room)
        shown = viewer.view["turn"]
        assert shown["clocks"] == {str(first): 52_000, str(1 - first): 60_000}
        assert shown["clock"] == {"kind": "fischer", "base_ms": 60_000, "increment_ms": 2_000}
        assert shown["timebank_ms"] == 0


def test_a_game_with_time_by_the_turn_is_stored_and_shown_without() -> None:
    live = table(Clock(turn_ms=20_000))
    assert b"clocks" not in msgspec.json.encode(live.room.table)
    assert live.viewers[live.room.info.host].view["turn"].keys() == {
        "number", "seat_index", "deadline_ms", "timebank_ms",
    }  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [Fischer(60_000, 5), Bronstein(60_000, 5), ByoYomi(60_000, 3, 30_000), Hourglass(60_000), Correspondence(3 * DAY)],
    ids=lambda rule: type(rule).__name__,
)
def test_a_room_is_stored_with_its_clocks(rule: OwnTime) -> None:
    live = table(rule)
    act(live, 1_000)
    assert live.room.table.clocks
    assert stored(live.room) == live.room
    shown = whole(live.room, live.room.info.host)["turn"]
    assert shown["clock"] == msgspec.to_builtins(msgspec.convert(shown, TurnPart).clock), "and shown as is published"


def test_at_zero_the_games_own_move_is_played_and_not_before() -> None:
    live = table()
    seat = turn(live).seat
    live.now = turn(live).deadline_ms - 1
    assert isinstance(live.send("", Wake(id="early", room=ROOM)), Nothing)
    live.now += 1
    verdict = live.send("", Wake(id="wake", room=ROOM))
    assert isinstance(verdict, Decision)
    assert verdict.events[0].fields["automatic"] is True
    assert live.room.table.clocks[seat] == 2_000


def test_each_game_begins_with_whole_clocks() -> None:
    live = table()
    number = live.room.table.hand
    while live.room.table.turn is not None:
        act(live, 5_000)
    assert set(live.room.table.clocks.values()) != {60_000}
    live.wake()
    assert live.room.table.hand == number + 1
    assert live.room.table.clocks == {ONE: 60_000, OTHER: 60_000}


def test_a_clock_goes_no_faster_because_a_socket_is_lost() -> None:
    live = table()
    before, number = turn(live), turn(live).number
    away(live)
    assert clock.running(live.room) == (before,)
    live.now = before.deadline_ms - 1
    live.send("", Wake(id="early", room=ROOM))
    assert turn(live).number == number, "they think on, whoever sees it"
    live.now += 1
    live.send("", Wake(id="wake", room=ROOM))
    assert turn(live).number == number + 1
    assert live.room.table.clocks[before.seat] == 2_000, "all of it was used, though they were away"


def test_nobody_loses_their_seat_while_a_game_runs_on_their_own_time() -> None:
    live = table(Correspondence(3 * DAY))
    seat = turn(live).seat
    away(live)
    while (due := clock.alarm(live.room)) != turn(live).deadline_ms:
        assert due is not None
        live.wake()
    gone = live.room.table.seats[seat].away
    assert gone is not None
    assert gone.step == "disconnected"
    assert live.now >= START_MS + 10_000, "the seat's grace is over"
    live.now += DAY
    assert isinstance(live.send("", Wake(id="day", room=ROOM)), Nothing)
    assert seat in live.room.table.seats
    back = Connected(id=live.id(), room=ROOM, user_id=live.room.table.seats[seat].user)
    assert isinstance(live.send("", back), Decision)
    act(live, 0)


def test_after_the_game_a_player_who_is_gone_leaves_their_seat() -> None:
    live = table()
    seat = turn(live).seat
    away(live)
    gone = live.room.table.seats[seat].user
    for _ in range(30):
        if all(each.user != gone for each in live.room.table.seats.values()):
            break
        live.wake()
    assert gone not in {each.user for each in live.room.table.seats.values()}
    assert live.room.table.turn is None
    assert seat not in live.room.table.clocks


def test_a_pause_and_a_crash_take_no_time_of_anybody() -> None:
    live = table()
    left = turn(live).deadline_ms - live.now
    live.send("host", Pause(id="pause", room=ROOM))
    live.now += HOUR
    live.send("", Recover(id="paused", room=ROOM))
    live.send("host", Resume(id="resume", room=ROOM))
    assert turn(live).deadline_ms - live.now == left
    live.now += HOUR
    live.send("", Recover(id="recover", room=ROOM))
    assert turn(live).deadline_ms - live.now == left
    act(live, 1_000)
    assert live.room.table.clocks[free(live)] == 61_000


def test_a_crash_near_the_end_leaves_ten_seconds_to_move_in_and_the_clock_no_longer() -> None:
    live = table(Bronstein(60_000, 1_000))
    seat = turn(live).seat
    live.now += 57_000
    live.send("ann", Chat(id="chat", room=ROOM, text="hm"))
    live.now += HOUR
    live.send("", Recover(id="recover", room=ROOM))
    assert turn(live).deadline_ms == live.now + clock.MERCY_MS
    act(live, 9_000)
    assert live.room.table.clocks[seat] == 2_000


@pytest.mark.parametrize(
    "rule",
    [Fischer(4_000, 500), Bronstein(4_000, 800), ByoYomi(2_000, 2, 1_000), Hourglass(4_000), Correspondence(2_500)],
    ids=lambda rule: type(rule).__name__,
)
def test_random_lives_of_a_room_are_shown_stored_and_replayed_alike(rule: OwnTime) -> None:
    """With crashes, pauses, absences and rests: what a viewer has merged is the view, a room that goes through storage
    before each command decides the same, and nobody's clock is below zero or, by Bronstein, above its base."""
    Timed.rule = rule
    seen: set[str] = set()
    for seed in range(25):
        script = Script(info("timed"), 2, random.Random(seed).randbytes(240))
        live = opened(script)
        again = stored(live.first)
        for number, _ in enumerate(steps(script, live)):
            if number % 7 == 0:
                live.send("", Resting(id="resting", room=ROOM))
            table = live.room.table
            for index, left in table.clocks.items():
                assert index in table.seats
                assert 0 <= left <= (4_000 if isinstance(rule, Bronstein) else DAY)
            if isinstance(rule, Hourglass) and len(table.clocks) == 2:
                assert sum(table.clocks.values()) == 8_000
            assert table.turn is None or table.clocks.keys() == table.seats.keys()
            for viewer in live.viewers.values():
                assert viewer.view == viewer.fresh(live.room)
                msgspec.convert(viewer.view, ViewSkeleton)
        for line, decision in zip(live.log, live.decisions, strict=True):
            verdict = decide(again, line.sender, line.command, line.now, line.entropy)
            assert isinstance(verdict, Decision)
            again = stored(verdict.room)
            assert msgspec.json.encode(again.table) == msgspec.json.encode(decision.room.table)
            seen.add(type(line.command).__name__)
            seen |= {"automatic" for event in decision.events if event.fields.get("automatic")}
    assert seen >= {"Act", "Resting", "Recover", "Pause", "Resume", "Disconnected", "automatic"}


# Days


def test_a_room_that_is_put_away_for_days_keeps_its_deadline() -> None:
    live = table(Correspondence(3 * DAY))
    before = turn(live)
    live.now += HOUR
    assert clock.rests(live.room)
    assert isinstance(live.send("", Resting(id="resting", room=ROOM)), Decision)
    assert not clock.rests(live.room)
    assert isinstance(live.send("", Resting(id="again", room=ROOM)), Nothing)
    assert stored(live.room).table.resting
    live.now += DAY
    assert isinstance(live.send("", Recover(id="recover", room=ROOM)), Decision)
    assert turn(live) == before, "somebody has looked in"
    assert not live.room.table.resting
    live.send("", Resting(id="rests", room=ROOM))
    live.now = before.deadline_ms + 500
    live.send("", Recover(id="woken", room=ROOM))
    live.send("", Wake(id="wake", room=ROOM))
    assert turn(live).number == before.number + 1, "its time was over"


def test_whatever_happens_in_a_room_ends_its_rest() -> None:
    live = table(Correspondence(3 * DAY))
    live.send("", Resting(id="resting", room=ROOM))
    live.send("ann", Chat(id="chat", room=ROOM, text="hello"))
    assert not live.room.table.resting


def test_a_crash_in_days_gives_back_what_it_took() -> None:
    live = table(Correspondence(3 * DAY))
    live.now += DAY
    live.send("ann", Chat(id="chat", room=ROOM, text="hello"))
    live.now += DAY
    live.send("", Recover(id="recover", room=ROOM))
    assert turn(live).deadline_ms == live.now + 2 * DAY


def test_no_room_rests_whose_time_is_by_the_turn() -> None:
    live = table(Clock(turn_ms=HOUR))
    assert isinstance(live.send("", Resting(id="resting", room=ROOM)), Nothing)


def test_a_room_that_goes_back_has_the_clocks_of_then() -> None:
    live = table()
    act(live, 10_000)

    kept, then = dump(live.room), dict(live.room.table.clocks)
    act(live, 20_000)
    act(live, 20_000)
    while live.room.table.turn is not None:
        act(live, 1_000)
    back = live.send("host", RollBack(id="back", room=ROOM, to=2, kept=kept))
    assert isinstance(back, Decision), back
    assert live.room.table.clocks == then
    assert turn(live).deadline_ms == live.now + then[turn(live).seat]


def test_a_game_that_is_given_another_clock_goes_on() -> None:
    """Code is replaced while a turn runs: that one runs to its deadline, the next by the new rule."""
    live = table(Clock(turn_ms=20_000))
    seat = turn(live).seat
    Timed.rule = Fischer(60_000, 2_000)
    act(live, 5_000)
    assert live.room.table.clocks.keys() == {ONE, OTHER}
    assert live.room.table.clocks[free(live)] <= 62_000
    assert turn(live).seat != seat
    Timed.rule = Clock(turn_ms=20_000)
    act(live, 5_000)
    assert live.room.table.clocks == {}
    assert turn(live).deadline_ms == live.now + 20_000
