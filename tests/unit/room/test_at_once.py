"""Several seats to act at once: each has its turn, its clock and its time-out, and none waits for another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from kit.atonce import Picks, Races
from kit.games import having
from kit.rooms import ROOM, Live, as_json, info, stored
from tavola.actors.room import clock
from tavola.actors.room.ending import alarm
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Decision, Nothing, Turn
from tavola.actors.room.view import whole
from tavola.actors.wire.commands import (
    Act,
    Connected,
    Disconnected,
    GiveUp,
    LeaveSeat,
    Pause,
    Recover,
    Resume,
    UserId,
    Wake,
)
from tavola.actors.wire.view import ViewSkeleton
from tavola.games.base import Fischer, Game, Hourglass, Refusal, SeatIndex

PLAYERS = ("ann", "bob", "cy")
TURN_MS, BANK_MS = 20_000, 30_000
A, B, C = SeatIndex(0), SeatIndex(1), SeatIndex(2)


@pytest.fixture(autouse=True)
def atonce() -> Iterator[None]:
    with having(Picks(), Races()):
        yield


@pytest.fixture
def rule() -> Iterator[Any]:
    """Sets the clock of the games."""

    def choose(clock: Any) -> None:
        Picks.rule = clock

    before = Picks.rule
    yield choose
    Picks.rule = before


def table(game: str = "picks", *viewers: str) -> Live:
    live = Live(info(game), viewers or ("host", *PLAYERS))
    for seat, user in enumerate(PLAYERS):
        live.sit(user, seat)
    live.wake()
    return live


def turns(live: Live) -> dict[SeatIndex, Turn]:
    return {turn.seat: turn for turn in live.room.table.running_turns}


def pick(live: Live, user: str, number: int | None = None, n: int = 0) -> Any:
    seat = live.room.seat_of(UserId(user))
    assert seat is not None
    own = live.room.table.turn_of(seat)
    turn = number if number is not None else own.number if own else None
    return live.send(user, Act(id=live.id(), room=ROOM, move="pick", arguments={"n": n}, turn=turn))


def started(decision: Any) -> list[tuple[int, int]]:
    events = [event for event in decision.events if event.kind == "turn_started"]
    return [(event.fields["number"], event.fields["seat_index"]) for event in events]


# Turns


def test_a_game_says_one_of_the_two() -> None:
    neither = type("Neither", (Picks,), {"kind": "neither", "to_act": Game.to_act})
    with pytest.raises(TypeError, match="says neither `turn` nor"):
        neither()


def test_all_have_a_turn_of_one_number_and_a_clock_each() -> None:
    live = table()
    assert started(live.decisions[-1]) == [(1, 0), (1, 1), (1, 2)]
    assert {turn.number for turn in turns(live).values()} == {1}
    assert {turn.deadline_ms for turn in turns(live).values()} == {live.now + TURN_MS}


def test_moves_of_the_same_moment_are_all_in_time() -> None:
    """Each was sent in sight of the same view."""
    live = table()
    for user in PLAYERS:
        assert isinstance(pick(live, user, number=1), Decision)
    assert {turn.number for turn in turns(live).values()} == {2}, "all have picked: all pick again"
    for user in PLAYERS:
        late = pick(live, user, number=1)
        assert isinstance(late, Refusal)
        assert (late.code, late.details) == ("stale_turn", {"turn": 2})


def test_nobody_moves_twice_in_one_turn() -> None:
    live = table()
    pick(live, "ann")
    again = pick(live, "ann", number=1)
    assert isinstance(again, Refusal)
    assert again.code == "not_your_turn"
    other = pick(live, "ann", number=7)
    assert isinstance(other, Refusal)
    assert other.code == "stale_turn"


def test_a_seat_that_goes_on_at_once_has_a_turn_of_its_own() -> None:
    live = table("races")
    live.now += 5_000
    pick(live, "bob")
    assert [(turn.seat, turn.number) for turn in live.room.table.running_turns] == [(0, 1), (2, 1), (1, 2)]
    assert turns(live)[A].deadline_ms == live.now - 5_000 + TURN_MS, "nobody else's clock has begun anew"
    assert turns(live)[B].deadline_ms == live.now + TURN_MS
    late = pick(live, "bob", number=1)
    assert isinstance(late, Refusal)
    assert late.details == {"turn": 2}, "one's own"
    assert isinstance(pick(live, "ann", number=1), Decision), "another's move makes nothing stale"


# Clocks


def test_each_is_charged_for_their_own_turn() -> None:
    live = table()
    live.now += TURN_MS + 4_000
    pick(live, "ann")
    live.now += 3_000
    pick(live, "bob")
    banks = [seat.timebank_ms for seat in live.room.table.seats.values()]
    assert banks == [BANK_MS - 4_000, BANK_MS - 7_000, BANK_MS]
    assert turns(live)[C].timebank_ms == BANK_MS


def test_each_is_played_for_when_their_own_time_is_over() -> None:
    live = table()
    live.send("", Disconnected(id="gone", room=ROOM, user_id="bob", disconnected_ms=300_000, freed_ms=600_000))
    began = live.now
    assert alarm(live.room) == began + 2_000, "who is away has a short turn"
    played = live.wake()
    assert isinstance(played, Decision)
    told = [event.fields for event in played.events if "move" in event.fields]
    assert told == [{"seat_index": 1, "move": "pick", "automatic": True}]
    assert turns(live).keys() == {A, C}, "nobody else's time is over"
    assert alarm(live.room) == began + TURN_MS + BANK_MS
    live.wake()
    live.wake()
    assert live.room.table.game.picked == {0: (0,), 1: (0,), 2: (0,)}
    assert {turn.number for turn in turns(live).values()} == {2}


def test_who_comes_back_finds_their_own_clock() -> None:
    live = table()
    before = turns(live)
    live.send("", Disconnected(id="gone", room=ROOM, user_id="cy", disconnected_ms=300_000, freed_ms=600_000))
    assert [turn["timebank_ms"] for turn in whole(live.room, UserId("ann"))["turns"]] == [BANK_MS, BANK_MS, 0]
    live.now += 1_000
    live.send("", Connected(id="back", room=ROOM, user_id="cy"))
    assert turns(live) == before


def test_idle_turns_are_counted_by_seat() -> None:
    """Nobody who plays has moved for two turns on end: they stand up."""
    live = table()
    due = alarm(live.room)
    assert due is not None
    live.now = due
    pick(live, "ann")
    for _ in range(2):
        live.now = max(live.now, alarm(live.room) or 0)
        live.send("", Wake(id="wake", room=ROOM, idle_turns=2))
    assert [seat.missed for seat in live.room.table.seats.values()] == [0, 1, 1]
    for _ in range(2):
        live.now = max(live.now, alarm(live.room) or 0)
        live.send("", Wake(id="wake", room=ROOM, idle_turns=2))
    assert [seat.missed for seat in live.room.table.seats.values()] == [1, 2, 1]


def test_after_a_crash_each_has_the_time_that_they_had() -> None:
    live = table("races")
    live.now += 15_000
    pick(live, "cy")
    left = {seat: turn.deadline_ms - live.now for seat, turn in turns(live).items()}
    assert sorted(left.values()) == [5_000, 5_000, TURN_MS]
    live.now += 90_000
    back = live.send("", Recover(id="recover", room=ROOM))
    assert started(back) == [(1, 0), (1, 1), (2, 2)]
    given = {seat: turn.deadline_ms - live.now for seat, turn in turns(live).items()}
    assert given == {A: clock.MERCY_MS, B: clock.MERCY_MS, C: TURN_MS}


def test_a_pause_takes_nobodys_time() -> None:
    live = table("races")
    live.now += 5_000
    pick(live, "ann")
    live.now += 1_000
    left = {seat: turn.deadline_ms - live.now for seat, turn in turns(live).items()}
    live.send("host", Pause(id="p", room=ROOM))
    assert alarm(live.room) is None
    live.now += 100_000
    back = live.send("host", Resume(id="r", room=ROOM))
    assert started(back) == [(1, 1), (1, 2), (2, 0)]
    assert {seat: turn.deadline_ms - live.now for seat, turn in turns(live).items()} == left


def test_own_time_runs_for_all_whose_turn_it_is(rule: Any) -> None:
    rule(Fischer(base_ms=60_000, increment_ms=1_000))
    live = table()
    assert live.room.table.clocks == dict.fromkeys((A, B, C), 60_000)
    live.now += 10_000
    pick(live, "ann")
    live.now += 20_000
    pick(live, "bob")
    assert live.room.table.clocks == {A: 51_000, B: 31_000, C: 60_000}
    assert turns(live)[C].deadline_ms == live.now + 30_000
    view = whole(live.room, UserId("cy"))
    assert view["turn"]["clocks"] == {"0": 51_000, "1": 31_000, "2": 60_000}


def test_what_an_hourglass_takes_from_one_runs_on_for_the_others(rule: Any) -> None:
    rule(Hourglass(base_ms=60_000))
    live = table()
    live.now += 10_000
    used = pick(live, "ann")
    assert live.room.table.clocks == {A: 50_000, B: 65_000, C: 65_000}
    assert {seat: turn.deadline_ms - live.now for seat, turn in turns(live).items()} == {B: 55_000, C: 55_000}
    assert started(used) == [(1, 1), (1, 2)], "and they are told"
    live.now += 10_000
    pick(live, "bob")
    assert sum(live.room.table.clocks.values()) == 180_000
    assert live.room.table.clocks[B] == 45_000


# Coming and going


def test_a_player_who_leaves_takes_nobodys_turn_with_them() -> None:
    live = table()
    pick(live, "ann")
    live.send("bob", LeaveSeat(id=live.id(), room=ROOM))
    assert turns(live).keys() == {C}
    assert turns(live)[C].number == 1
    pick(live, "cy")
    assert turns(live).keys() == {A, C}


def test_a_game_that_fails_for_one_of_them_calls_the_round_off() -> None:
    live = table()
    assert live.room.table.hand == 1
    due = alarm(live.room)
    assert due is not None
    live.now = due - 1
    assert isinstance(live.send("", GiveUp(id="g", room=ROOM)), Nothing)
    live.now = due
    assert isinstance(live.send("", GiveUp(id="g", room=ROOM)), Decision)
    assert live.room.table.running_turns == ()
    assert {seat.timebank_ms for seat in live.room.table.seats.values()} == {0}


# Views and what is stored


def test_the_view_has_all_turns_and_the_first_of_them() -> None:
    live = table()
    for _ in range(3):
        for viewer in live.viewers.values():
            view = viewer.view
            assert view == as_json(whole(live.room, viewer.user))
            msgspec.convert(view, ViewSkeleton)
            running = live.room.table.running_turns
            assert view["turn"] == view.get("turns", [view["turn"]])[0]
            assert ("turns" in view) == (len(running) > 1)
            seat = view["me"].get("seat_index")
            assert bool(view["me"]["legal"]) == (seat in turns(live)), "only who is to act has moves"
        pick(live, PLAYERS[live.room.table.running_turns[0].seat])


def test_a_choice_is_shown_to_who_made_it_alone() -> None:
    frames = []
    for n in (0, 1):
        live = table()
        pick(live, "bob", n=n)
        frames.append({user: viewer.frames[-1] for user, viewer in live.viewers.items()})
    assert {user for user in frames[0] if frames[0][user] != frames[1][user]} == {"bob"}


def test_the_stored_state_has_other_turns_only_while_there_are_some() -> None:
    live = table()
    assert b"beside" in msgspec.json.encode(live.room.table)
    assert stored(live.room).table == live.room.table
    pick(live, "ann")
    pick(live, "bob")
    assert "beside" not in dump(live.room), "as the release before knows it"
