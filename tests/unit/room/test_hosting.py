"""The host's part: halting play, putting people out, chips, settings, passing the part on, closing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kit.rooms import HOST, ROOM, Live
from kit.stories import accepted, asks, kinds, mid_hand, refused, role, room, until_the_hand_ends
from tavola.actors.room import clock
from tavola.actors.room.membership import ASK_AGAIN_MS
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import (
    HOST_COMMANDS,
    Act,
    AdjustChips,
    Approve,
    Chat,
    CloseRoom,
    Kick,
    Leave,
    LeaveSeat,
    Pause,
    Rebuy,
    RequestJoin,
    Resume,
    SitIn,
    SitOut,
    Spectate,
    Start,
    TakeSeat,
    TransferHost,
    UpdateSettings,
    UserId,
)
from tavola.actors.wire.given import Admission
from tavola.games.base import Refusal

FIELDS: dict[str, dict[str, Any]] = {
    "Approve": {"user_id": "ann"},
    "Reject": {"user_id": "ann"},
    "Kick": {"user_id": "ann"},
    "AdjustChips": {"user_id": "ann", "amount": 1},
    "UpdateSettings": {"settings": {}},
    "TransferHost": {"user_id": "ann"},
    "Withdraw": {"act_id": "none"},
}


def last_view(live: Live, user: str) -> dict[str, Any]:
    return live.viewers[UserId(user)].view


def told(live: Live, user: str) -> list[str]:
    return [event["kind"] for event in msgspec.json.decode(live.viewers[UserId(user)].frames[-1])["events"]]


def waiting() -> Live:
    """Host and ann at a hold'em table that waits for its host to start."""
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 1)
    return live


@pytest.mark.parametrize("kind", tuple(HOST_COMMANDS), ids=lambda kind: str(kind.__name__))
def test_only_the_host_may(kind: Any) -> None:
    live = waiting()
    for user in ("ann", "bob", "guest"):
        assert refused(live, user, kind, **FIELDS.get(kind.__name__, {})) == "not_host"


# Halting play


def test_paused_in_the_last_second_of_a_turn_there_is_that_second_left() -> None:
    live = mid_hand("ann")
    live.now = (clock.alarm(live.room) or 0) - 1_000
    decision = accepted(live, HOST, Pause)
    assert kinds(decision.events) == ["room_paused"]
    assert clock.alarm(live.room) is None
    assert last_view(live, "ann")["room"]["status"] == "paused"
    live.now += 3_600_000
    decision = accepted(live, HOST, Resume)
    assert kinds(decision.events) == ["room_resumed", "turn_started"]
    assert clock.alarm(live.room) == live.now + 1_000
    assert last_view(live, "ann")["room"]["status"] == "playing"
    turn = last_view(live, "ann")["turn"]
    assert turn["deadline_ms"] + turn["timebank_ms"] == live.now + 1_000


def test_while_paused_nobody_moves_and_nobody_is_shown_a_move() -> None:
    live = mid_hand("ann")
    player = live.to_act()
    assert player is not None
    accepted(live, HOST, Pause)
    assert refused(live, player, Act, move="fold") == "room_paused"
    assert last_view(live, player)["me"]["legal"] == []
    assert refused(live, HOST, Pause) == "room_paused"
    accepted(live, HOST, Resume)
    assert last_view(live, player)["me"]["legal"] != []
    assert refused(live, HOST, Resume) == "illegal_move"
    accepted(live, player, Act, move="fold")


def test_the_wait_for_the_next_hand_stands_still_too() -> None:
    live = room("holdem", next_hand_seconds=3)
    live.sit("host", 0)
    live.sit("ann", 1)
    live.now += 1_000
    accepted(live, HOST, Pause)
    live.now += 60_000
    accepted(live, HOST, Resume)
    assert clock.alarm(live.room) == live.now + 2_000
    assert live.room.table.turn is None


def test_a_game_that_would_go_on_at_once_waits_for_the_pause_to_end() -> None:
    live = room("holdem", next_hand_seconds=0, approval="auto")
    live.sit("host", 0)
    accepted(live, HOST, Pause)
    live.sit("ann", 1)
    assert live.room.table.turn is None
    assert refused(live, HOST, Start) == "room_paused"
    accepted(live, HOST, Resume)
    live.wake()
    assert live.to_act() is not None


def test_a_hand_that_was_to_begin_in_a_pause_is_not_put_off_by_all_of_it() -> None:
    live = room("holdem", next_hand_seconds=3)
    live.sit("host", 0)
    accepted(live, HOST, Pause)
    live.now += 3_600_000
    live.sit("ann", 1)
    live.now += 1_000
    accepted(live, HOST, Resume)
    assert clock.alarm(live.room) == live.now + 3_000


def test_who_leaves_in_a_pause_folds_and_the_next_has_his_whole_turn_afterwards() -> None:
    live = mid_hand("ann", "bob")
    player = live.to_act()
    assert player is not None
    accepted(live, HOST, Pause)
    live.now += 500_000
    accepted(live, player, LeaveSeat)
    assert live.to_act() not in (None, player)
    assert live.room.info.status == "paused"
    live.now += 500_000
    accepted(live, HOST, Resume)
    turn = live.room.table.turn
    assert turn is not None
    assert turn.deadline_ms == live.now + 20_000


def test_chat_and_coming_go_on_in_a_pause() -> None:
    live = waiting()
    accepted(live, HOST, Pause)
    accepted(live, "ann", Chat, text="coffee?")
    asks(live, "bob")
    accepted(live, "bob", Spectate)
    assert live.room.info.status == "paused"


# Putting people out


def test_the_player_whose_turn_it_is_is_put_out() -> None:
    live = mid_hand("ann", "bob")
    player = next(user for user in (live.to_act(),) if user is not None)
    if player == HOST:
        accepted(live, HOST, Act, move="call")
        player = next(user for user in (live.to_act(),) if user is not None)
    decision = accepted(live, HOST, Kick, user_id=player)
    assert kinds(decision.events)[0] == "player_kicked"
    assert decision.out == (player,)
    folds = [event.fields for event in decision.events if event.kind == "player_action"]
    assert [(fold["move"], fold["automatic"]) for fold in folds] == [("fold", True)]
    assert live.to_act() != player
    assert role(live, player) == "guest"
    assert "seats" not in last_view(live, player)
    assert told(live, player)[0] == "player_kicked"
    until_the_hand_ends(live)
    assert player not in {seat.user for seat in live.room.table.seats.values()}
    frames = live.viewers[UserId(HOST)].frames
    freed = [e for frame in frames for e in msgspec.json.decode(frame)["events"] if e["kind"] == "seat_freed"]
    assert [event["user_id"] for event in freed] == [player]
    live.write()
    assert live.rows.players[player]["status"] == "kicked"
    assert player not in {row["user_id"] for row in live.rows.tokens.values()}


def test_put_out_without_a_ban_he_may_ask_again_after_a_minute_with_one_never() -> None:
    live = waiting()
    accepted(live, HOST, Kick, user_id="ann")
    assert refused(live, "ann", RequestJoin, display_name="Ann") == "already_requested"
    live.now += ASK_AGAIN_MS
    assert isinstance(asks(live, "ann").give, Admission)
    accepted(live, HOST, Kick, user_id="ann", ban=True)
    live.now += 10**12
    assert refused(live, "ann", RequestJoin, display_name="Ann") == "banned"
    assert refused(live, "ann", TakeSeat, seat_index=1) == "not_approved"


def test_a_kick_can_be_made_a_ban_afterwards_and_not_the_other_way() -> None:
    live = waiting()
    accepted(live, HOST, Kick, user_id="ann")
    accepted(live, HOST, Kick, user_id="ann", ban=True)
    assert refused(live, HOST, Kick, user_id="ann") == "user_not_found"


def test_who_only_asked_is_put_out_in_private() -> None:
    live = room("holdem", approval="host")
    asks(live, "ann")
    accepted(live, HOST, Kick, user_id="ann", ban=True)
    assert told(live, "ann") == ["player_kicked"]
    assert told(live, "guest") == []
    assert last_view(live, HOST)["pending_requests"] == []


def test_the_host_cannot_put_himself_out_nor_somebody_who_is_not_there() -> None:
    live = waiting()
    assert refused(live, HOST, Kick, user_id=HOST) == "forbidden"
    assert refused(live, HOST, Kick, user_id="nobody") == "user_not_found"


# Chips


def test_chips_are_adjusted_between_hands_and_all_are_told_why() -> None:
    live = waiting()
    decision = accepted(live, HOST, AdjustChips, user_id="ann", amount=-100, reason="late")
    assert [(e.kind, e.fields) for e in decision.events] == [
        (
            "chips_adjusted",
            {"seat_index": 1, "user_id": "ann", "amount": -100, "chips": 900, "reason": "late"},
        )
    ]
    assert last_view(live, "host")["seats"]["1"]["chips"] == 900
    live.write()
    assert live.rows.seats[1]["chips"] == 900
    assert refused(live, HOST, AdjustChips, user_id="ann", amount=-901) == "illegal_move"
    assert refused(live, HOST, AdjustChips, user_id="bob", amount=1) == "user_not_found"
    assert refused(mid_hand("ann"), HOST, AdjustChips, user_id="ann", amount=1) == "hand_in_progress"
    assert refused(tictactoe_with("ann"), HOST, AdjustChips, user_id="ann", amount=1) == "illegal_move"


def tictactoe_with(user: str) -> Live:
    live = room("tictactoe", auto_start=False)
    live.sit(user, 0)
    return live


def test_more_chips_are_brought_and_sitting_out_is_told() -> None:
    live = waiting()
    decision = accepted(live, "ann", Rebuy, amount=200)
    assert [(e.kind, e.fields) for e in decision.events] == [
        ("chips_added", {"seat_index": 1, "user_id": "ann", "amount": 200, "chips": 1200})
    ]
    assert kinds(accepted(live, "ann", SitOut).events) == ["player_sat_out"]
    assert last_view(live, "host")["seats"]["1"]["status"] == "sitting_out"
    live.write()
    assert (live.rows.seats[1]["chips"], live.rows.seats[1]["status"]) == (1200, "sitting_out")
    assert refused(live, "ann", SitOut) == "illegal_move"
    assert kinds(accepted(live, "ann", SitIn).events) == ["player_sat_in"]
    for command, fields in ((SitOut, {}), (SitIn, {}), (Rebuy, {"amount": 1})):
        assert refused(live, "guest", command, **fields) == "not_seated"
        assert refused(tictactoe_with("ann"), "ann", command, **fields) == "illegal_move"


# Settings


def test_settings_change_what_they_name_and_nothing_else() -> None:
    live = waiting()
    before = live.room.info
    settings = {
        "name": " New  name ",
        "approval": "host",
        "max_spectators": 3,
        "options": {"small_blind": 10, "big_blind": 20},
    }
    decision = accepted(live, HOST, UpdateSettings, settings=settings)
    assert kinds(decision.events) == ["settings_changed"]
    info = live.room.info
    assert (info.name, info.approval, info.max_spectators, info.visibility) == (
        "New name",
        "host",
        3,
        before.visibility,
    )
    assert (info.options.small_blind, info.options.big_blind) == (10, 20)
    assert info.options.seats == before.options.seats
    assert last_view(live, "guest")["room"]["options"]["big_blind"] == 20
    live.write()
    stored = msgspec.json.decode(live.rows.room["settings"])
    assert (stored["name"], stored["approval"]) == ("New name", "host")


@pytest.mark.parametrize(
    "settings",
    [
        {"color": "red"},
        {"name": ""},
        {"name": "\n \t"},
        {"name": 5},
        {"approval": "nobody"},
        {"max_spectators": -1},
        {"options": {"seats": 1}},
        {"options": {"no_such": 1}},
        {"options": {"small_blind": 50}},
        {"options": {"seats": 2}},
        {"options": []},
    ],
)
def test_settings_that_will_not_do(settings: dict[str, Any]) -> None:
    live = room("holdem", auto_start=False)
    live.sit("host", 0)
    live.sit("ann", 4)
    before = live.room
    assert refused(live, HOST, UpdateSettings, settings=settings) == "invalid_options"
    assert live.room is before


def test_settings_wait_for_the_hand_to_end() -> None:
    assert refused(mid_hand("ann"), HOST, UpdateSettings, settings={"name": "x"}) == "hand_in_progress"


def test_a_table_that_now_starts_by_itself_does() -> None:
    live = waiting()
    assert clock.alarm(live.room) is None
    accepted(live, HOST, UpdateSettings, settings={"options": {"auto_start": True}})
    assert clock.alarm(live.room) is not None


# Passing the part on, closing


def test_the_part_is_passed_on_with_its_view() -> None:
    live = room("holdem", approval="host", auto_start=False)
    asks(live, "ann")
    asks(live, "bob")
    assert refused(live, HOST, TransferHost, user_id="ann") == "user_not_found"
    accepted(live, HOST, Approve, user_id="ann")
    accepted(live, HOST, TransferHost, user_id="ann")
    assert [asked["user_id"] for asked in last_view(live, "ann")["pending_requests"]] == ["bob"]
    assert "host_controls" in last_view(live, "ann")
    assert "host_controls" not in last_view(live, HOST)
    assert refused(live, HOST, Approve, user_id="bob") == "not_host"
    accepted(live, "ann", Approve, user_id="bob")


def test_a_host_who_leaves_for_good_is_followed_by_whoever_sits_longest() -> None:
    live = waiting()
    live.now += 1
    live.sit("bob", 2)
    accepted(live, HOST, Leave)
    assert live.room.info.host == "ann"


def test_a_closed_room_refuses_everything_and_is_still_to_be_seen() -> None:
    live = waiting()
    accepted(live, HOST, Start)
    assert refused(live, HOST, CloseRoom) == "hand_in_progress"
    until_the_hand_ends(live)
    decision = accepted(live, HOST, CloseRoom)
    assert kinds(decision.events) == ["room_closed"]
    assert clock.alarm(live.room) is None
    assert last_view(live, "ann")["room"]["status"] == "closed"
    assert last_view(live, "ann")["me"]["legal"] == []
    assert not any(last_view(live, HOST)["host_controls"].values())
    live.write()
    assert live.rows.room["closed_at"] == live.now
    assert [row["status"] for row in live.rows.games.values()] == ["over"]
    for command in (Leave, LeaveSeat, Resume, Start, CloseRoom):
        assert refused(live, HOST, command) == "room_closed"


def test_what_the_host_can_do_is_what_he_is_shown_that_he_can() -> None:
    """`host_controls` and the room agree, in every state that a table comes through."""

    def agree(live: Live) -> None:
        controls = last_view(live, HOST)["host_controls"]
        for name, kind, fields in (
            ("can_start", Start, {}),
            ("can_pause", Pause, {}),
            ("can_resume", Resume, {}),
            ("can_kick", Kick, {"user_id": "ann"}),
            ("can_transfer", TransferHost, {"user_id": "ann"}),
            ("can_adjust_chips", AdjustChips, {"user_id": "ann", "amount": 1}),
            ("can_update_settings", UpdateSettings, {"settings": {"name": "x"}}),
            ("can_close", CloseRoom, {}),
        ):
            fork = live.forked()
            verdict = fork.send(HOST, kind(id="try", room=ROOM, **fields))
            assert isinstance(verdict, Decision) is controls[name], (name, verdict)
            assert isinstance(verdict, Decision | Refusal)

    live = room("holdem", auto_start=False)
    live.sit("ann", 1)
    agree(live)
    live.sit("host", 0)
    agree(live)
    accepted(live, HOST, Pause)
    agree(live)
    accepted(live, HOST, Resume)
    accepted(live, HOST, Start)
    agree(live)
    accepted(live, HOST, Pause)
    agree(live)
    accepted(live, HOST, Resume)
    until_the_hand_ends(live)
    agree(live)
    accepted(live, HOST, CloseRoom)
    agree(live)
