"""Membership in a room, told as stories: asking, admitting, seats, watching, leaving, the host."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kit.rooms import HOST, ROOM, Live
from kit.stories import accepted, asks, kinds, mid_hand, refused, role, room, until_the_hand_ends
from tavola.actors.room.membership import ASK_AGAIN_MS, MEMBERS_LIMIT, PENDING_LIMIT
from tavola.actors.wire.commands import (
    Approve,
    Chat,
    Leave,
    LeaveSeat,
    Reject,
    RequestJoin,
    Spectate,
    StopSpectating,
    TakeSeat,
    UserId,
)
from tavola.actors.wire.given import Admission, JoinStatus, SeatGrant
from tavola.games.base import Refusal


def test_who_asks_waits_for_the_host() -> None:
    live = room(approval="host")
    decision = asks(live, "ann")
    assert decision.give == JoinStatus("pending")
    assert kinds(decision.events) == ["player_join_requested"]
    assert role(live, "ann") == "guest"
    assert refused(live, "ann", TakeSeat, seat_index=0) == "not_approved"
    assert refused(live, "ann", Spectate) == "not_approved"
    accepted(live, HOST, Approve, user_id="ann")
    assert role(live, "ann") == "approved"


def test_asking_twice_says_how_it_stands_and_tells_nobody() -> None:
    live = room(approval="host")
    asks(live, "ann")
    again = asks(live, "ann")
    assert (again.give, again.events) == (JoinStatus("pending"), ())
    accepted(live, HOST, Approve, user_id="ann")
    assert asks(live, "ann").give == JoinStatus("approved")


def test_only_the_host_and_who_asked_learn_of_a_request() -> None:
    live = room(approval="host")
    asks(live, "ann")
    shown = {user: viewer.frames[-1] for user, viewer in live.viewers.items()}
    assert b"player_join_requested" in shown[HOST]
    assert b"player_join_requested" in shown[UserId("ann")]
    for other in ("bob", "guest"):
        assert b"ann" not in shown[UserId(other)]
        assert b'"events":[]' in shown[UserId(other)]


def test_where_no_approval_is_needed_one_is_in_at_once() -> None:
    assert isinstance(asks(room(approval="auto"), "ann").give, Admission)


def test_only_the_host_admits() -> None:
    live = room(approval="host")
    asks(live, "ann")
    assert refused(live, "bob", Approve, user_id="ann") == "not_host"
    assert refused(live, "ann", Approve, user_id="ann") == "not_host"
    assert refused(live, "ann", Reject, user_id="ann") == "not_host"
    assert refused(live, HOST, Approve, user_id="bob") == "user_not_found"


def test_who_was_rejected_may_ask_again_after_a_while() -> None:
    live = room(approval="host")
    asks(live, "ann")
    accepted(live, HOST, Reject, user_id="ann")
    live.now += ASK_AGAIN_MS - 1
    verdict = live.send("ann", RequestJoin(id=live.id(), room=ROOM, display_name="Ann"))
    assert isinstance(verdict, Refusal)
    assert verdict.code == "already_requested"
    assert (verdict.details, verdict.retry_after_ms) == (None, 1)
    live.now += 1
    assert asks(live, "ann").give == JoinStatus("pending")


@pytest.mark.parametrize("name", ["\u0000", " \t ", "\u200b"])
def test_a_name_needs_something_to_see(name: str) -> None:
    assert refused(room(), "ann", RequestJoin, display_name=name) == "invalid_message"


def test_seats() -> None:
    live = room()
    asks(live, "ann")
    given = accepted(live, "ann", TakeSeat, seat_index=1).give
    assert isinstance(given, SeatGrant)
    assert given.seat_index == 1
    assert refused(live, "ann", TakeSeat, seat_index=0) == "already_seated"
    assert refused(live, "ann", Spectate) == "already_seated"
    asks(live, "bob")
    assert refused(live, "bob", TakeSeat, seat_index=1) == "seat_taken"
    assert refused(live, "bob", TakeSeat, seat_index=2) == "invalid_message"
    assert refused(live, "bob", LeaveSeat) == "not_seated"
    assert kinds(accepted(live, "ann", LeaveSeat).events) == ["seat_freed", "spectator_joined"]
    assert role(live, "ann") == "spectator"


def test_spectators_are_limited() -> None:
    live = room(max_spectators=1)
    asks(live, "ann")
    asks(live, "bob")
    accepted(live, "ann", Spectate)
    assert accepted(live, "ann", Spectate).events == ()
    assert refused(live, "bob", Spectate) == "room_full"
    accepted(live, "ann", StopSpectating)
    assert refused(live, "ann", StopSpectating) == "forbidden"
    accepted(live, "bob", Spectate)


def test_who_may_chat() -> None:
    live = room()
    asks(live, "ann")
    assert refused(live, "ann", Chat, text="hello") == "forbidden"
    assert refused(live, "guest", Chat, text="hello") == "forbidden"
    accepted(live, HOST, Chat, text="hello")
    accepted(live, "ann", Spectate)
    said = accepted(live, "ann", Chat, text=" hello ")
    assert said.events[0].fields == {"user_id": "ann", "display_name": "Name-ann", "text": "hello"}
    assert refused(live, "ann", Chat, text="   ") == "invalid_message"


def test_the_longest_seated_player_inherits_the_room() -> None:
    live = room("holdem", seats=4)
    live.sit("bob", 2)
    live.now += 1
    live.sit("ann", 1)
    accepted(live, HOST, Leave)
    assert live.room.info.host == "bob"


def test_without_players_the_next_who_comes_in_is_host() -> None:
    live = room(approval="host")
    asks(live, "ann")
    accepted(live, HOST, Leave)
    assert live.room.info.host == ""
    decision = asks(live, "bob")
    assert isinstance(decision.give, Admission)
    assert kinds(decision.events) == ["player_approved", "host_changed"]
    assert live.room.info.host == "bob"
    accepted(live, "bob", Approve, user_id="ann")


def test_who_waited_for_a_host_that_left_is_let_in_when_he_asks_again() -> None:
    live = room(approval="host")
    asks(live, "ann")
    accepted(live, HOST, Leave)
    assert isinstance(asks(live, "ann").give, Admission)
    assert live.room.info.host == "ann"


def test_who_leaves_the_room_with_cards_keeps_the_seat_till_the_hand_ends() -> None:
    live = mid_hand("ann", "bob")
    leaver = next(user for user in ("ann", "bob") if user != live.to_act())
    accepted(live, leaver, Leave)
    assert role(live, leaver) == "guest"
    assert leaver not in live.room.members
    assert [event["kind"] for event in _events(live, leaver)].count("player_left") == 1
    assert leaver in {seat.user for seat in live.room.table.seats.values()}
    until_the_hand_ends(live)
    assert leaver not in {seat.user for seat in live.room.table.seats.values()}
    stayed = next(user for user in ("ann", "bob") if user != leaver)
    frames = live.viewers[UserId(stayed)].frames
    told = [event["kind"] for frame in frames for event in msgspec.json.decode(frame)["events"]]
    assert told.count("seat_freed") == 1
    assert told.count("player_left") == 1


def test_asking_to_come_back_while_the_hand_still_runs_admits_nobody() -> None:
    live = mid_hand("ann", "bob")
    leaver = next(user for user in ("ann", "bob") if user != live.to_act())
    accepted(live, leaver, Leave)
    assert asks(live, leaver).give == JoinStatus("pending")
    until_the_hand_ends(live)
    assert live.room.members[UserId(leaver)].standing == "pending"
    assert role(live, leaver) == "guest"
    viewer = live.viewers[UserId(leaver)]
    assert viewer.view == viewer.fresh(live.room)
    assert "seats" not in viewer.view


def test_who_left_and_waits_to_be_let_in_again_does_not_inherit_the_room() -> None:
    live = mid_hand("ann", "bob")
    accepted(live, "ann", Leave)
    asks(live, "ann")
    accepted(live, HOST, Leave)
    assert live.room.info.host == "bob"


def test_who_is_admitted_again_while_the_hand_still_runs_watches_on() -> None:
    live = mid_hand("ann", "bob")
    leaver = next(user for user in ("ann", "bob") if user != live.to_act())
    accepted(live, leaver, Leave)
    asks(live, leaver)
    accepted(live, HOST, Approve, user_id=leaver)
    until_the_hand_ends(live)
    assert role(live, leaver) == "spectator"


def _events(live: Live, user: str) -> list[Any]:
    events: list[Any] = msgspec.json.decode(live.viewers[UserId(user)].frames[-1])["events"]
    return events


def test_as_many_may_wait_for_the_host_as_he_can_look_through() -> None:
    live = room(approval="host")
    for number in range(PENDING_LIMIT):
        asks(live, f"u{number}")
    assert refused(live, "late", RequestJoin, display_name="Late") == "room_full"
    asks(live, "u0")
    accepted(live, HOST, Approve, user_id="u0")
    asks(live, "late")


def test_a_room_knows_only_so_many_people() -> None:
    live = room(max_spectators=2)
    live.viewers.clear()
    for number in range(MEMBERS_LIMIT + 1):
        asks(live, f"u{number}")
    assert refused(live, "late", RequestJoin, display_name="Late") == "room_full"


def test_without_players_somebody_who_was_admitted_is_host_before_any_stranger() -> None:
    live = room(approval="host")
    asks(live, "ann")
    asks(live, "bob")
    accepted(live, HOST, Approve, user_id="ann")
    accepted(live, HOST, Approve, user_id="bob")
    accepted(live, "bob", Spectate)
    accepted(live, HOST, Leave)
    assert live.room.info.host == "bob"
    accepted(live, "bob", Leave)
    assert live.room.info.host == "ann"
    assert asks(live, "guest").give == JoinStatus("pending")


def test_who_stands_up_where_enough_are_watching_watches_not() -> None:
    live = room("holdem", max_spectators=0, auto_start=False)
    live.sit("ann", 1)
    accepted(live, "ann", LeaveSeat)
    assert role(live, "ann") == "approved"
    assert live.room.spectators == 0
