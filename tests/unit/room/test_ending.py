"""Rooms that end by themselves: empty for long, or with nobody who plays."""

from __future__ import annotations

from typing import Any

from kit.rooms import HOST, ROOM, Live, info, sender
from kit.stories import accepted, kinds, mid_hand, refused, role, room
from tavola.actors.room import ending
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.room.decide import open_room
from tavola.actors.room.state import Decision, Nothing
from tavola.actors.wire.commands import (
    Act,
    Attendance,
    Connected,
    Disconnected,
    GiveUp,
    Pause,
    Recover,
    SitIn,
    UpdateSettings,
    UserId,
    Vacant,
    Wake,
)

CLOSES_MS, N = 1_800_000, 3


def gone(live: Live, *users: str) -> None:
    for user in users:
        live.send("", Disconnected(id=live.id(), room=ROOM, user_id=user, disconnected_ms=1_000, freed_ms=10**9))
    live.send("", Attendance(id=live.id(), room=ROOM, gone=users, leaves_ms=10**9))


def vacant(live: Live) -> Any:
    return live.send("", Vacant(id=live.id(), room=ROOM, closes_ms=CLOSES_MS))


def wake(live: Live, idle_turns: int = 0) -> Any:
    live.now = max(live.now, ending.alarm(live.room) or 0)
    return live.send("", Wake(id=live.id(), room=ROOM, idle_turns=idle_turns))


def test_a_room_where_nobody_is_closes_after_its_time() -> None:
    live = room()
    assert vacant(live) == Nothing(), "the host is there"
    gone(live, HOST)
    assert isinstance(vacant(live), Decision)
    assert ending.alarm(live.room) == live.now + CLOSES_MS
    assert vacant(live) == Nothing(), "its time does not begin anew"
    live.now += CLOSES_MS - 1
    assert live.send("", Wake(id="early", room=ROOM)) == Nothing()
    closed = wake(live)
    assert [(event.kind, event.fields) for event in closed.events] == [("room_closed", {"reason": "empty"})]
    assert (live.room.info.status, ending.alarm(live.room)) == ("closed", None)


def test_whoever_comes_keeps_it_open() -> None:
    live = room()
    gone(live, HOST)
    vacant(live)
    live.send("", Attendance(id=live.id(), room=ROOM, here=(HOST,), leaves_ms=1))
    assert live.room.table.closes_at is None
    gone(live, HOST)
    live.now += 1
    vacant(live)
    assert ending.alarm(live.room) == live.now + CLOSES_MS


def test_a_room_says_for_itself_how_long() -> None:
    live = room(empty_minutes=600)
    live.send("", Attendance(id=live.id(), room=ROOM, here=(HOST,), leaves_ms=1))
    assert live.room.table.closes_at is None, "its host has come"
    live.now += 1
    gone(live, HOST)
    vacant(live)
    assert live.room.table.closes_at == live.now + 600 * 60_000
    assert refused(live, HOST, UpdateSettings, settings={"empty_minutes": 10**6}) == "invalid_options"
    accepted(live, HOST, UpdateSettings, settings={"empty_minutes": 5})


def test_a_new_room_to_which_nobody_comes_closes() -> None:
    opened = open_room(info(), sender(HOST).name, 1_000, CLOSES_MS)
    assert ending.alarm(opened) == 1_000 + CLOSES_MS
    assert open_room(info(), sender(HOST).name, 1_000).table.closes_at is None
    assert open_room(info(empty_minutes=1), sender(HOST).name, 1_000, CLOSES_MS).table.closes_at == 61_000
    live = Live(info())
    live.room = opened
    live.now = 1_000 + CLOSES_MS
    recovered = live.send("", Recover(id="recover", room=ROOM))
    assert isinstance(recovered, Decision)
    assert ending.alarm(live.room) == live.now + MERCY_MS, "whoever is on their way has time to say so"
    assert kinds(wake(live).events) == ["room_closed"]


def test_a_hand_is_played_to_its_end_before_an_empty_room_closes() -> None:
    live = mid_hand("ann")
    gone(live, HOST, "ann")
    vacant(live)
    live.now += CLOSES_MS
    told: list[str] = []
    while live.room.info.status != "closed":
        verdict = wake(live)
        assert isinstance(verdict, Decision)
        told += kinds(verdict.events)
    assert told.index("hand_complete") < told.index("room_closed")


def test_a_hand_that_stands_still_is_called_off_when_the_room_closes() -> None:
    live = mid_hand("ann")
    chips = sum(seat.chips for seat in live.room.table.game.seats)
    accepted(live, HOST, Pause)
    gone(live, HOST, "ann")
    vacant(live)
    closed = wake(live)
    assert kinds(closed.events)[-2:] == ["round_voided", "room_closed"]
    assert [round.record for round in closed.rounds] == [{"voided": True}]
    assert live.room.table.turn is None
    assert sum(seat.chips for seat in live.room.table.game.seats) >= chips, "with what was in the pot"


def test_what_the_game_cannot_do_does_not_keep_an_empty_room_open() -> None:
    live = mid_hand("ann")
    accepted(live, HOST, Pause)
    gone(live, HOST, "ann")
    vacant(live)
    live.now += CLOSES_MS
    assert isinstance(live.send("", GiveUp(id="instead", room=ROOM)), Decision)
    assert live.room.info.status == "closed"


def test_two_who_do_not_move_sit_out_and_count_as_not_there() -> None:
    live = mid_hand("ann")
    told: list[str] = []
    while "player_sat_out" not in told:
        told += kinds(wake(live, N).events)
    assert told.count("player_sat_out") == 2
    assert all(seat.missed >= N for seat in live.room.table.seats.values())
    assert ending.vacant(live.room)
    while live.room.table.turn is not None:
        wake(live, N)
    assert live.room.table.advance_at is None, "no hand is dealt to them"
    assert isinstance(vacant(live), Decision)
    accepted(live, "ann", SitIn)
    assert not ending.vacant(live.room)
    assert live.room.table.closes_at is None
    assert [seat.missed for seat in live.room.table.seats.values() if seat.user == "ann"] == [0]


def test_where_the_game_knows_no_sitting_out_they_stand_up() -> None:
    live = room(turn_seconds=2)
    live.sit(HOST, 0)
    live.sit("ann", 1)
    for _ in range(200):
        wake(live, N)
        if not live.room.table.seats:
            break
    assert live.room.table.seats == {}
    assert role(live, "ann") == "spectator"
    assert ending.vacant(live.room)
    assert isinstance(vacant(live), Decision)


def test_one_who_moves_keeps_the_table_going() -> None:
    live = mid_hand("ann", "bob")
    for _ in range(60):
        if live.to_act() == "ann":
            turn = live.room.table.turn
            assert turn is not None
            live.send("ann", Act(id=live.id(), room=ROOM, move="fold"))
        else:
            verdict = wake(live, N)
            assert isinstance(verdict, Decision)
            assert "player_sat_out" not in kinds(verdict.events)


def test_never_is_never() -> None:
    live = mid_hand("ann")
    for _ in range(40):
        verdict = wake(live, 0)
        assert isinstance(verdict, Decision)
        assert "player_sat_out" not in kinds(verdict.events)
    assert all(seat.missed == 0 for seat in live.room.table.seats.values())


def test_who_was_sat_out_and_comes_back_with_a_new_socket_is_there() -> None:
    live = mid_hand("ann")
    while not ending.vacant(live.room):
        wake(live, N)
    gone(live, "ann")
    live.send("", Connected(id=live.id(), room=ROOM, user_id="ann"))
    assert live.room.members[UserId("ann")].idle is False
    assert not ending.vacant(live.room)
