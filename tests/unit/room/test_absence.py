"""Members without a seat who have no socket: marked, back, gone; requests that end; a host who is gone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from kit.rooms import HOST, ROOM, Live
from kit.stories import accepted, asks, kinds, refused, role, room
from tavola.actors.room import ending, membership
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.room.state import PENDING_MS, Decision, Member, Nothing
from tavola.actors.wire.commands import (
    AddBot,
    Approve,
    Attendance,
    Kick,
    LeaveSeat,
    Pause,
    Recover,
    Reject,
    RequestJoin,
    Spectate,
    TakeSeat,
    UserId,
    Wake,
)

LEAVES_MS = 600_000


def attend(live: Live, here: str = "", gone: str = "") -> Any:
    came, went = tuple(here.split()), tuple(gone.split())
    return live.send("", Attendance(id=live.id(), room=ROOM, here=came, gone=went, leaves_ms=LEAVES_MS))


def watched(*users: str, **fields: Any) -> Live:
    live = room(**fields)
    for user in users:
        asks(live, user)
        accepted(live, user, Spectate)
    return live


def rung(live: Live) -> Decision:
    verdict = live.wake()
    assert isinstance(verdict, Decision), verdict
    return verdict


def shown(live: Live, viewer: str = HOST) -> dict[str, str]:
    return {user: part["status"] for user, part in live.viewers[UserId(viewer)].view["watching"].items()}


def test_a_spectator_without_a_socket_is_away_and_leaves_after_their_time() -> None:
    live = watched("ann", "bob")
    decision = attend(live, gone="ann guest")
    assert isinstance(decision, Decision)
    assert decision.events == (), "the view says it"
    assert shown(live, "bob") == {"ann": "away", "bob": "active"}
    assert ending.alarm(live.room) == live.now + LEAVES_MS
    assert attend(live, gone="ann") == Nothing(), "said again, it begins nothing anew"
    left = rung(live)
    assert kinds(left.events) == ["spectator_left", "player_left"]
    assert role(live, "ann") == "guest"
    assert shown(live, "bob") == {"bob": "active"}
    assert ending.alarm(live.room) is None


def test_who_comes_back_in_time_stays() -> None:
    live = watched("ann")
    attend(live, gone="ann")
    live.now += LEAVES_MS - 1
    assert isinstance(attend(live, here="ann"), Decision)
    assert shown(live) == {"ann": "active"}
    assert ending.alarm(live.room) is None
    assert attend(live, here="ann") == Nothing()


def test_who_was_admitted_and_does_not_sit_leaves_too_and_a_player_does_not() -> None:
    live = room()
    asks(live, "ann")
    live.sit("bob", 0)
    attend(live, gone="ann bob")
    assert live.room.members[UserId("bob")].leaves_at is None, "their seat says it"
    rung(live)
    assert (role(live, "ann"), role(live, "bob")) == ("guest", "player")


def test_who_sits_down_without_a_socket_stays() -> None:
    live = room()
    asks(live, "ann")
    attend(live, gone="ann")
    accepted(live, "ann", TakeSeat, seat_index=0)
    assert ending.alarm(live.room) is None


def test_members_leave_in_a_pause_as_well() -> None:
    live = watched("ann")
    accepted(live, HOST, Pause)
    attend(live, gone="ann")
    rung(live)
    assert role(live, "ann") == "guest"


def test_a_request_that_nobody_answers_ends_after_a_day() -> None:
    live = room(approval="host")
    asks(live, "ann")
    assert ending.alarm(live.room) == live.now + PENDING_MS
    live.now += PENDING_MS - 1
    assert live.send("", Wake(id="w", room=ROOM)) == Nothing()
    gone = rung(live)
    assert [(event.kind, event.only) for event in gone.events] == [("player_left", (HOST, "ann"))]
    assert "request" not in live.viewers[UserId("ann")].view["me"]
    assert live.viewers[UserId(HOST)].view["pending_requests"] == []
    asks(live, "ann")


def test_only_who_is_there_counts_against_the_most_spectators() -> None:
    live = watched("ann", max_spectators=1)
    asks(live, "bob")
    assert refused(live, "bob", Spectate) == "room_full"
    attend(live, gone="ann")
    accepted(live, "bob", Spectate)
    attend(live, here="ann")
    assert shown(live) == {"ann": "active", "bob": "active"}, "who was watching keeps the place for their time"


def test_somebody_who_stands_up_watches_if_those_who_watch_are_away() -> None:
    live = room(max_spectators=1)
    for user in ("ann", "bob"):
        asks(live, user)
    accepted(live, "ann", Spectate)
    for stays in (False, True):
        accepted(live, "bob", TakeSeat, seat_index=0)
        attend(live, here="ann" * stays, gone="ann" * (not stays))
        accepted(live, "bob", LeaveSeat)
        assert role(live, "bob") == ("approved" if stays else "spectator")


def test_a_host_who_is_gone_passes_the_part_on_to_somebody_who_is_there() -> None:
    live = watched("ann", "bob")
    attend(live, gone=f"{HOST} ann")
    passed = rung(live)
    assert kinds(passed.events) == ["host_changed"]
    assert live.room.info.host == "bob", "ann is not there"
    left = rung(live)
    assert [event.fields["user_id"] for event in left.events if event.kind == "player_left"] == [HOST, "ann"]


def test_while_nobody_is_there_for_a_host_who_is_gone_nobody_can_be_let_in() -> None:
    live = room(approval="host")
    asks(live, "bob")
    attend(live, gone=HOST)
    asks(live, "ann")
    live.now += LEAVES_MS
    assert refused(live, "guest", RequestJoin, display_name="Guest") == "host_away"
    assert asks(live, "ann").give, "who has asked before waits on"
    assert live.room.info.host == HOST
    assert attend(live, here=HOST)
    asks(live, "guest")


def test_a_room_that_admits_at_once_needs_no_host_for_it() -> None:
    live = room()
    attend(live, gone=HOST)
    live.now += LEAVES_MS
    asks(live, "ann")
    assert kinds(rung(live).events) == ["host_changed"]
    assert live.room.info.host == "ann"


def test_nobody_loses_time_by_our_absence() -> None:
    live = watched("ann", "bob")
    attend(live, gone="ann")
    live.now += LEAVES_MS + 1
    assert isinstance(live.send("", Recover(id="recover", room=ROOM)), Decision)
    assert ending.alarm(live.room) == live.now + MERCY_MS
    assert live.send("", Recover(id="recover", room=ROOM)) == Nothing()
    attend(live, here="ann")
    assert shown(live) == {"ann": "active", "bob": "active"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "MEMBERS_LIMIT", 2)


@pytest.mark.usefixtures("small")
def test_a_room_forgets_who_left_longest_ago_and_no_ban() -> None:
    live = room(max_spectators=1, approval="host")
    for user, standing in (("old", "kicked"), ("older", "rejected"), ("banned", "kicked")):
        live.now += 1
        at = live.now - (10 if user == "older" else 0)
        members = {**live.room.members, UserId(user): Member(user, standing, at, banned=user == "banned")}  # type: ignore[arg-type]
        live.room = replace(live.room, members=members)
    asks(live, "ann")
    assert set(live.room.members) == {HOST, "old", "banned", "ann"}
    asks(live, "bob")
    assert set(live.room.members) == {HOST, "banned", "ann", "bob"}
    assert refused(live, "guest", RequestJoin, display_name="Guest") == "room_full", "nobody to be forgotten"
    accepted(live, HOST, Reject, user_id="ann")
    asks(live, "guest")
    assert refused(live, "banned", RequestJoin, display_name="B") == "banned"


@pytest.mark.usefixtures("small")
def test_for_a_bot_somebody_is_forgotten_too() -> None:
    live = room("holdem", max_spectators=1, approval="host", seats=4)
    gone = {UserId(user): Member(user, "rejected", live.now - at) for at, user in enumerate(("old", "older"))}
    live.room = replace(live.room, members={**live.room.members, **gone})
    accepted(live, HOST, AddBot, seat_index=0)
    assert live.room.members.keys() & gone.keys() == {"old"}
    accepted(live, HOST, AddBot, seat_index=1)
    assert refused(live, HOST, AddBot, seat_index=2) == "room_full", "nobody to be forgotten"


@pytest.mark.usefixtures("small")
def test_bans_take_nobodys_place() -> None:
    live = room(max_spectators=1, approval="host")
    banned = {UserId(f"b{n}"): Member("B", "kicked", live.now, banned=True) for n in range(9)}
    live.room = replace(live.room, members={**live.room.members, **banned})
    asks(live, "ann")
    asks(live, "bob")
    assert refused(live, "guest", RequestJoin, display_name="Guest") == "room_full"


def test_the_list_of_bans_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tavola.actors.room.hosting.BANS_LIMIT", 1)
    live = watched("ann", "bob")
    accepted(live, HOST, Kick, user_id="ann", ban=True)
    assert refused(live, HOST, Kick, user_id="bob", ban=True) == "room_full"
    accepted(live, HOST, Kick, user_id="bob")


def test_the_host_sees_everybody_with_their_standing() -> None:
    live = room(approval="host")
    asks(live, "ann")
    asks(live, "bob")
    accepted(live, HOST, Approve, user_id="ann")
    accepted(live, "ann", Spectate)
    attend(live, gone="ann")
    members = live.viewers[UserId(HOST)].view["members"]
    assert {user: (part["standing"], part.get("status")) for user, part in members.items()} == {
        HOST: ("approved", "active"),
        "ann": ("approved", "away"),
        "bob": ("pending", None),
    }
    assert members["ann"]["watching"]
    accepted(live, HOST, Kick, user_id="ann", ban=True)
    assert live.viewers[UserId(HOST)].view["members"]["ann"] == {
        "display_name": "Name-ann", "standing": "kicked", "since": live.now, "banned": True,
    }  # fmt: skip
    assert "members" not in live.viewers[UserId("bob")].view
