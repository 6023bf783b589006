"""The host's acts that wait for the end of the hand."""

from __future__ import annotations

from typing import Any

import pytest

from kit.rooms import HOST, Live, stored
from kit.stories import accepted, kinds, mid_hand, refused, room, until_the_hand_ends
from tavola.actors.room import codec, deferred
from tavola.actors.wire.commands import (
    AdjustChips,
    CloseRoom,
    Kick,
    Leave,
    Pause,
    Resume,
    TransferHost,
    UpdateSettings,
    UserId,
    Withdraw,
)

ANN = {"user_id": "ann", "amount": 50, "after_hand": True}


def waiting(live: Live, viewer: str = "ann") -> list[dict[str, Any]]:
    acts: list[dict[str, Any]] = live.viewers[UserId(viewer)].view.get("deferred", [])
    return acts


def told(live: Live, since: int) -> list[str]:
    return [kind for decision in live.decisions[since:] for kind in kinds(decision.events)]


def chips(live: Live, user: str) -> int:
    return next(
        int(seat["chips"]) for seat in live.viewers[UserId(HOST)].view["seats"].values() if seat["user_id"] == user
    )


def test_what_is_asked_for_in_a_hand_happens_when_it_has_ended() -> None:
    live = mid_hand("ann")
    assert refused(live, HOST, UpdateSettings, settings={"name": "Later"}) == "hand_in_progress"
    accepted(live, HOST, UpdateSettings, settings={"name": "Later", "options": {"big_blind": 20}}, after_hand=True)
    accepted(live, HOST, AdjustChips, **ANN, reason="a gift")
    assert [(act["act"], act["by"]) for act in waiting(live)] == [("update_settings", HOST), ("adjust_chips", HOST)]
    assert waiting(live)[1]["reason"] == "a gift"
    assert "deferred" not in live.viewers[UserId("guest")].view
    since = len(live.decisions)
    until_the_hand_ends(live)
    happened = told(live, since)
    assert happened.index("hand_complete") < happened.index("settings_changed") < happened.index("chips_adjusted")
    assert waiting(live) == []
    assert (live.room.info.name, live.room.info.options.big_blind) == ("Later", 20)


def test_it_is_one_decision_with_the_end_of_the_hand() -> None:
    live = mid_hand("ann")
    accepted(live, HOST, CloseRoom, after_hand=True)
    until_the_hand_ends(live)
    assert {"hand_complete", "room_closed"} <= set(kinds(live.decisions[-1].events))
    assert live.room.info.status == "closed"
    assert live.room.info.deferred == ()


def test_without_a_hand_it_happens_at_once() -> None:
    live = room()
    accepted(live, HOST, CloseRoom, after_hand=True)
    assert live.room.info.status == "closed"


def test_it_can_be_taken_back() -> None:
    live = mid_hand("ann")
    accepted(live, HOST, CloseRoom, after_hand=True)
    [act] = waiting(live)
    assert refused(live, "ann", Withdraw, act_id=act["id"]) == "not_host"
    assert refused(live, HOST, Withdraw, act_id="another") == "illegal_move"
    decision = accepted(live, HOST, Withdraw, act_id=act["id"])
    assert decision.events[0].fields == {"id": act["id"], "act": "close_room", "user_id": HOST}
    assert waiting(live) == []
    until_the_hand_ends(live)
    assert live.room.info.status != "closed"


def test_what_cannot_be_done_is_refused_when_it_is_asked_for_where_that_is_known() -> None:
    live = mid_hand("ann")
    settings = {"options": {"no_such": 1}}
    assert refused(live, HOST, UpdateSettings, settings=settings, after_hand=True) == "invalid_options"
    assert refused(live, HOST, AdjustChips, **{**ANN, "user_id": "bob"}) == "user_not_found"
    assert refused(live, "ann", CloseRoom, after_hand=True) == "not_host"


def test_what_cannot_be_done_after_the_hand_is_dropped_and_told() -> None:
    live = mid_hand("ann", "bob")
    accepted(live, HOST, AdjustChips, **ANN)
    accepted(live, HOST, Kick, user_id="ann")
    since = len(live.decisions)
    until_the_hand_ends(live)
    assert "act_dropped" in told(live, since)
    assert waiting(live, "bob") == []


def test_so_many_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred, "LIMIT", 2)
    live = mid_hand("ann")
    accepted(live, HOST, CloseRoom, after_hand=True)
    accepted(live, HOST, CloseRoom, after_hand=True)
    assert len(waiting(live)) == 1, "a room closes once"
    accepted(live, HOST, AdjustChips, **ANN)
    assert refused(live, HOST, AdjustChips, **ANN) == "illegal_move"


def test_the_next_host_has_them() -> None:
    live = mid_hand("ann", "bob")
    accepted(live, HOST, AdjustChips, **ANN)
    accepted(live, HOST, CloseRoom, after_hand=True)
    accepted(live, HOST, TransferHost, user_id="bob")
    accepted(live, "bob", Withdraw, act_id=waiting(live)[0]["id"])
    accepted(live, HOST, Leave)
    until_the_hand_ends(live)
    assert live.room.info.status == "closed", "a host may ask for the end, and go"


def test_they_are_stored_with_the_room_and_not_in_the_state() -> None:
    live = mid_hand("ann")
    accepted(live, HOST, AdjustChips, **ANN)
    live.write()
    loaded = codec.room_of(live.rows.load_row())
    assert loaded.info == live.room.info == stored(live.room).info
    assert loaded.info.deferred[0].by == HOST
    until_the_hand_ends(live)
    live.write()
    assert codec.room_of(live.rows.load_row()).info.deferred == ()


def test_a_pause_puts_them_off_with_the_hand() -> None:
    live = mid_hand("ann")
    accepted(live, HOST, Pause)
    accepted(live, HOST, AdjustChips, **ANN)
    had = chips(live, "ann")
    accepted(live, HOST, Resume)
    assert (len(waiting(live)), chips(live, "ann")) == (1, had)
    until_the_hand_ends(live)
    assert waiting(live) == []


def test_where_the_next_round_begins_at_once_they_come_before_it() -> None:
    live = room(rematch_seconds=0)
    live.sit(HOST, 0)
    live.sit("ann", 1)
    assert live.to_act() is not None
    accepted(live, HOST, UpdateSettings, settings={"options": {"turn_seconds": 5}}, after_hand=True)
    hand, since = live.room.table.hand, len(live.decisions)
    while live.room.table.hand == hand:
        live.wake()
    happened = told(live, since)
    assert happened.index("game_complete") < happened.index("settings_changed") < happened.index("game_started")
    assert live.room.info.options.turn_seconds == 5
