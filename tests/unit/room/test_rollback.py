"""A room taken back to how it was: who sits where afterwards, what is never given twice, what stays hidden."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kit.rooms import HOST, ROOM, START_MS, Live, info, logged, sender, stored
from kit.rooms import Command as Sent
from kit.stories import accepted, asks, kinds, mid_hand, refused, role, room, until_the_hand_ends
from tavola.actors.past.archive import playable
from tavola.actors.past.replay import replay
from tavola.actors.room import clock
from tavola.actors.room.decide import decide
from tavola.actors.room.ending import alarm
from tavola.actors.room.state import Away, Decision, Room
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import (
    OPERATOR,
    Act,
    AdjustChips,
    Approve,
    Attendance,
    Chat,
    CloseRoom,
    Disconnected,
    Fork,
    Kick,
    Leave,
    LeaveSeat,
    Pause,
    Resume,
    RollBack,
    RoomId,
    Spectate,
    StopSpectating,
    UpdateSettings,
    UserId,
    Wake,
)
from tavola.actors.wire.errands import Playable
from tavola.games.base import Entropy, Outcome, Refusal
from tavola.games.holdem.game import Holdem
from tavola.games.registry import GAMES
from tavola.games.stakes import chips_in

VERSIONS = Versions().packed()
FRESH = Entropy(b"\x77" * 32)


def was(live: Live, seq: int) -> Room:
    return live.decisions[seq - 1].room if seq else live.first


def back(live: Live, to: int, **fields: Any) -> RollBack:
    found = playable(stored(was(live, to)), to)
    assert isinstance(found, Playable), found
    return RollBack(id=live.id(), room=ROOM, to=to, kept=found.kept, voided=found.voided, **fields)


def goes_back(live: Live, to: int, by: str = HOST, **fields: Any) -> Decision:
    command = back(live, to, **fields)
    verdict = decide(live.room, OPERATOR, command, live.now, FRESH) if by == "operator" else live.send(by, command)
    assert isinstance(verdict, Decision), verdict
    if by == "operator":
        live.log.append(Sent(OPERATOR, command, live.now, FRESH))
        live.take(verdict)
    return verdict


def chips(live: Live) -> dict[int, int]:
    game = GAMES[live.room.info.game]
    return {index: chips_in(game, live.room.table.game, index) for index in sorted(live.room.table.seats)}


def sitting(live: Live) -> dict[int, str]:
    return {int(index): str(seat.user) for index, seat in sorted(live.room.table.seats.items())}


def played_hand(live: Live) -> None:
    """The hand is over: all but one have folded."""
    hand = live.room.table.hand
    while (user := live.to_act()) is not None and live.room.table.hand == hand:
        accepted(live, user, Act, move="fold")


def between_hands() -> Live:
    """Host, ann and bob; a hand was played to its end."""
    live = mid_hand("ann", "bob")
    played_hand(live)
    return live


def test_chips_are_as_they_were_and_numbers_go_on() -> None:
    live = mid_hand("ann", "bob")
    start = live.seq - 1  # the hand was dealt by the last
    before = was(live, start)
    played_hand(live)
    lost, turns, games = chips(live), live.room.table.turns, live.room.table.games
    decision = goes_back(live, start, reason="a wrong deal")
    assert chips(live) == {index: 1000 for index in before.table.seats} != lost
    assert (live.room.table.turns, live.room.table.at) == (turns, live.now)
    assert live.room.table.hand == before.table.hand
    assert decision.events[0].kind == "rolled_back"
    assert decision.events[0].fields == {"to": start, "user_id": HOST, "reason": "a wrong deal"}
    live.wake()
    assert live.room.table.turn is not None
    assert live.room.table.turn.number == turns + 1
    assert live.room.table.games > games, "hands are numbered anew in another game: no record is overwritten"


def test_everybody_holds_the_view_that_hydration_gives() -> None:
    live = between_hands()
    accepted(live, "bob", LeaveSeat)
    for to in range(live.seq + 1):
        fork = live.forked()
        goes_back(fork, to)
        assert fork.updates[-1].whole
        for viewer in fork.viewers.values():
            assert viewer.view == viewer.fresh(fork.room), (to, viewer.user)


def test_a_hand_that_ran_then_is_called_off_and_dealt_anew() -> None:
    live = mid_hand("ann", "bob")
    dealt = live.seq
    cards = live.room.table.game.hand.cards
    accepted(live, str(live.to_act()), Act, move="call")
    played_hand(live)
    decision = goes_back(live, dealt + 1)
    assert decision.events[0].fields["voided"] == 1
    assert chips(live) == {0: 1000, 1: 1000, 2: 1000}
    assert live.room.table.turn is None
    assert GAMES["holdem"].between_rounds(live.room.table.game)
    live.wake()
    assert live.room.table.game.hand.cards[:12] != cards[:12]


def test_the_logged_command_holds_no_card_to_come() -> None:
    live = mid_hand("ann", "bob")
    dealt, hand = live.seq, live.room.table.game.hand
    board = [hand.cards[i : i + 2] for i in range(12, len(hand.cards), 2)]
    played_hand(live)
    kept = msgspec.json.decode(back(live, dealt).kept)
    left = kept["table"]["game"][2][6]
    assert len(board) == 5
    assert left == hand.cards[:12], "no more than what its players saw in their own hands"


def test_a_game_without_secrets_goes_back_to_the_middle_of_a_round() -> None:
    live = room("tictactoe")
    live.sit("host", 0)
    live.sit("ann", 1)
    live.wake()
    accepted(live, HOST, Act, move="mark", arguments={"cell": 4})
    middle = live.seq
    turn = live.room.table.turn
    for user, cell in (("ann", 0), (HOST, 1), ("ann", 2), (HOST, 7)):
        accepted(live, user, Act, move="mark", arguments={"cell": cell})
    assert live.room.table.turn is None
    goes_back(live, middle)
    assert live.room.table.game.board == "....0...."
    now = live.room.table.turn
    assert now is not None
    assert turn is not None
    assert now.number > turn.number
    assert now.deadline_ms == live.now + GAMES["tictactoe"].clock(live.room.info.options).turn_ms
    stale = live.send("ann", Act(id="late", room=ROOM, move="mark", arguments={"cell": 0}, turn=turn.number))
    assert isinstance(stale, Refusal)
    assert stale.code == "stale_turn"
    accepted(live, "ann", Act, move="mark", arguments={"cell": 0}, turn=now.number)


def test_a_round_does_not_go_on_without_one_of_its_players() -> None:
    live = room("tictactoe")
    live.sit("host", 0)
    live.sit("ann", 1)
    live.wake()
    accepted(live, HOST, Act, move="mark", arguments={"cell": 4})
    middle = live.seq
    accepted(live, "ann", Leave)
    goes_back(live, middle)
    assert sitting(live) == {0: "host"}
    assert live.room.table.turn is None
    assert live.room.table.game.board == "........."


def test_a_player_who_got_up_has_the_seat_again_and_comes_back_with_a_new_token() -> None:
    live = between_hands()
    full = live.seq
    accepted(live, "ann", LeaveSeat)
    live.write()
    assert role(live, "ann") == "spectator"
    decision = goes_back(live, full)
    live.write()
    assert sitting(live) == {0: "host", 1: "ann", 2: "bob"}
    assert role(live, "ann") == "player"
    assert [(grant.user, grant.seat) for grant in decision.grants] == [("ann", 1)]
    assert live.rows.seats[1]["seat_token"] == decision.grants[0].id
    assert "ann" not in live.rows.spectators
    assert kinds(decision.events)[:2] == ["rolled_back", "player_seated"]


@pytest.mark.parametrize("how", ["leaves", "kicked", "banned"])
def test_nobody_is_seated_who_has_left_or_was_put_out(how: str) -> None:
    live = between_hands()
    full = live.seq
    if how == "leaves":
        accepted(live, "ann", Leave)
    else:
        accepted(live, HOST, Kick, user_id="ann", ban=how == "banned")
    live.write()
    decision = goes_back(live, full)
    live.write()
    assert sitting(live) == {0: "host", 2: "bob"}
    assert [seat.index for seat in live.room.table.game.seats] == [0, 2], "the game knows it too"
    assert role(live, "ann") == "guest"
    assert not decision.grants
    assert 1 not in live.rows.seats


def test_one_who_sits_now_and_did_not_then_watches_and_their_token_is_void() -> None:
    live = mid_hand("ann")
    played_hand(live)
    two = live.seq
    asks(live, "bob")
    accepted(live, HOST, Approve, user_id="bob")
    live.sit("bob", 2)
    live.write()
    assert live.rows.seats[2]["seat_token"]
    decision = goes_back(live, two)
    live.write()
    assert sitting(live) == {0: "host", 1: "ann"}
    assert role(live, "bob") == "spectator"
    assert 2 not in live.rows.seats
    assert "bob" in live.rows.spectators
    freed = next(event for event in decision.events if event.kind == "seat_freed")
    assert freed.fields == {"seat_index": 2, "user_id": "bob", "chips": 1000}


def test_two_who_changed_places_change_back() -> None:
    live = between_hands()
    full = live.seq
    accepted(live, "ann", LeaveSeat)
    accepted(live, "bob", LeaveSeat)
    live.sit("ann", 2)
    live.sit("bob", 1)
    live.write()
    decision = goes_back(live, full)
    live.write()
    assert sitting(live) == {0: "host", 1: "ann", 2: "bob"}
    assert {(grant.user, grant.seat) for grant in decision.grants} == {("ann", 1), ("bob", 2)}
    assert {index: row["user_id"] for index, row in live.rows.seats.items()} == {0: "host", 1: "ann", 2: "bob"}


def test_people_and_who_may_come_in_stay_as_they_are() -> None:
    live = mid_hand("ann")
    played_hand(live)
    old = live.seq
    accepted(live, HOST, UpdateSettings, settings={"name": "New", "visibility": "private", "options": {"seats": 6}})
    accepted(live, HOST, Kick, user_id="ann", ban=True)
    goes_back(live, old)
    info = live.room.info
    assert (info.name, info.visibility, info.host) == ("New", "private", HOST)
    assert info.options.seats == 4, "what the game is played with goes back with it"
    assert live.room.members[UserId("ann")].banned


def test_a_pause_stays_and_nothing_is_dealt_in_it() -> None:
    live = between_hands()
    accepted(live, HOST, Pause)
    goes_back(live, live.seq - 2)
    assert live.room.info.status == "paused"
    accepted(live, HOST, Resume)
    live.wake()
    assert live.room.table.turn is not None


def test_who_is_away_has_the_whole_grace_again() -> None:
    live = between_hands()
    old = live.seq
    live.send("", Disconnected(id="gone", room=ROOM, user_id="ann", disconnected_ms=5_000, freed_ms=9_000))
    live.now += 3_000
    goes_back(live, old)
    away = live.room.table.seats[1].away  # type: ignore[index]
    assert away == Away(live.now, live.now + 5_000, live.now + 9_000)


def idles(live: Live) -> Any:
    return live.send("", Wake(id=live.id(), room=ROOM, idle_turns=1))


def until_idle(live: Live) -> None:
    """The host misses a turn, and is sat out for it, as is everybody else."""
    while not live.room.members[UserId(HOST)].idle:
        live.now = max(live.now, alarm(live.room) or live.now)
        assert isinstance(idles(live), Decision)


def test_turns_that_were_missed_count_no_more() -> None:
    live = mid_hand("ann", "bob")
    missed = next(index for index, seat in live.room.table.seats.items() if seat.user == live.to_act())
    live.now = alarm(live.room) or 0
    live.send("", Wake(id=live.id(), room=ROOM, idle_turns=9))
    assert live.room.table.seats[missed].missed == 1
    to = live.seq
    played_hand(live)
    goes_back(live, to)
    assert {seat.missed for seat in live.room.table.seats.values()} == {0}


def test_whoever_sat_out_for_doing_nothing_plays_again_and_counts_as_there() -> None:
    live = mid_hand("ann")
    before = live.seq - 1
    until_idle(live)
    assert live.room.members[UserId("ann")].idle
    goes_back(live, before, by="operator")
    assert not any(member.idle for member in live.room.members.values())
    live.wake()
    assert live.room.table.turn is not None


def test_whoever_sat_out_then_too_does_not_count_as_there() -> None:
    live = mid_hand("ann")
    until_idle(live)
    to = live.seq
    accepted(live, HOST, Chat, text="I am back.")
    assert not live.room.members[UserId(HOST)].idle
    goes_back(live, to, by="operator")
    assert live.room.members[UserId("ann")].idle
    assert not live.room.members[UserId(HOST)].idle


def test_one_who_watches_without_a_socket_and_sits_again_is_away_by_their_seat_alone() -> None:
    live = between_hands()
    full = live.seq
    accepted(live, "ann", LeaveSeat)
    live.send("", Attendance(id=live.id(), room=ROOM, here=(), gone=(UserId("ann"),), leaves_ms=9_000))
    leaves_at = live.room.members[UserId("ann")].leaves_at
    assert leaves_at is not None
    goes_back(live, full)
    assert live.room.members[UserId("ann")].leaves_at is None
    gone = Disconnected(id="gone", room=ROOM, user_id="ann", disconnected_ms=50_000, freed_ms=90_000)
    assert isinstance(live.send("", gone), Decision), "the runtime says that they have no socket, as of any player"
    live.now = leaves_at
    live.wake()
    assert role(live, "ann") == "player"


def test_of_a_host_it_stays_known_that_they_are_gone() -> None:
    live = between_hands()
    full = live.seq
    accepted(live, HOST, LeaveSeat)
    live.send("", Attendance(id=live.id(), room=ROOM, here=(), gone=(UserId(HOST),), leaves_ms=9_000))
    goes_back(live, full, by="operator")
    assert role(live, HOST) == "player"
    assert live.room.members[UserId(HOST)].leaves_at == live.now + 9_000


# Acts that wait for the end of the hand


def test_acts_that_wait_are_done_by_a_rollback_that_lands_between_hands() -> None:
    live = mid_hand("ann", "bob")
    before = live.seq - 1
    accepted(live, HOST, AdjustChips, user_id="ann", amount=50, after_hand=True)
    accepted(live, HOST, UpdateSettings, settings={"name": "Later"}, after_hand=True)
    decision = goes_back(live, before, by="operator")
    happened = kinds(decision.events)
    assert happened.index("rolled_back") < happened.index("chips_adjusted") < happened.index("settings_changed")
    assert chips(live) == {0: 1000, 1: 1050, 2: 1000}
    assert (live.room.info.name, live.room.info.deferred) == ("Later", ())
    assert replay(stored(live.first), logged(live)) == live.room
    for viewer in live.viewers.values():
        assert viewer.view == viewer.fresh(live.room)


def test_an_act_that_cannot_be_done_on_the_table_of_then_is_dropped() -> None:
    live = mid_hand("ann")
    before_ann = next(seq for seq in range(live.seq) if len(was(live, seq).table.seats) == 1)
    accepted(live, HOST, AdjustChips, user_id="ann", amount=50, after_hand=True)
    decision = goes_back(live, before_ann, by="operator")
    dropped = next(event for event in decision.events if event.kind == "act_dropped")
    assert (dropped.fields["act"], dropped.fields["code"]) == ("adjust_chips", "user_not_found")
    assert live.room.info.deferred == ()


def test_acts_go_on_waiting_where_a_round_runs_afterwards() -> None:
    live = room("tictactoe")
    live.sit("host", 0)
    live.sit("ann", 1)
    live.wake()
    middle = live.seq
    accepted(live, HOST, Act, move="mark", arguments={"cell": 4})
    accepted(live, HOST, CloseRoom, after_hand=True)
    goes_back(live, middle, by="operator")
    [act] = live.room.info.deferred
    assert act.name == "close_room"
    until_the_hand_ends(live)
    assert live.room.info.status == "closed"


def test_hands_and_games_that_were_played_stay_recorded() -> None:
    live = mid_hand("ann", "bob")
    dealt = live.seq
    played_hand(live)
    live.write()
    first = dict(live.rows.hands)
    assert first[1, 1]["ended_at"]
    live.wake()
    assert live.room.table.turn is not None
    goes_back(live, dealt, by="operator")
    live.write()
    assert live.rows.hands[1, 1] == first[1, 1]
    assert live.rows.hands[1, 2]["record"] == {"voided": True, "rolled_back": dealt}
    assert live.rows.hands[1, 2]["ended_at"]
    assert (live.rows.games["r_test.1"]["status"], live.rows.games["r_test.2"]["status"]) == ("over", "running")
    assert live.rows.games["r_test.1"]["result"] == {"rolled_back": dealt}
    assert live.rows.checkpoints[live.seq], "a checkpoint of it is kept"
    live.wake()
    live.write()
    assert (2, 2) in live.rows.hands


def test_the_log_is_replayed_over_it() -> None:
    live = between_hands()
    goes_back(live, 5)
    live.wake()
    played_hand(live)
    goes_back(live, live.seq - 1)
    assert replay(stored(live.first), logged(live)) == live.room


# The right to it


def test_the_host_may_between_hands_and_the_operator_at_any_time() -> None:
    live = mid_hand("ann", "bob")
    assert refused(live, HOST, RollBack, to=3, kept=back(live, 3).kept) == "hand_in_progress"
    assert refused(live, "ann", RollBack, to=3, kept=back(live, 3).kept) == "not_host"
    decision = goes_back(live, 3, by="operator")
    assert "user_id" not in decision.events[0].fields
    until_the_hand_ends(live)


def test_another_server_may_what_the_host_may(monkeypatch: pytest.MonkeyPatch) -> None:
    live = mid_hand("ann", "bob")
    assert refused(live, "service:shop", RollBack, to=3, kept=back(live, 3).kept) == "hand_in_progress"
    played_hand(live)
    decision = goes_back(live.forked(), 3, by="service:shop")
    assert decision.events[0].fields["user_id"] == "service:shop"
    monkeypatch.setattr(Holdem, "host_rolls_back", False)
    assert refused(live, "service:shop", RollBack, to=3, kept=back(live, 3).kept) == "forbidden"


def test_a_game_says_whether_its_host_may(monkeypatch: pytest.MonkeyPatch) -> None:
    live = between_hands()
    monkeypatch.setattr(Holdem, "host_rolls_back", False)
    assert refused(live, HOST, RollBack, to=3, kept=back(live, 3).kept) == "forbidden"
    goes_back(live, 3, by="operator")


def test_a_game_that_cannot_call_off_a_round_goes_back_between_rounds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    live = mid_hand("ann")
    dealt = live.seq
    played_hand(live)

    def refuses(self: Any, state: Any, options: Any, seats: Any) -> Outcome[Any] | Refusal:
        return Refusal("illegal_move", "No.")

    monkeypatch.setattr(Holdem, "void", refuses)
    found = playable(was(live, dealt), dealt)
    assert isinstance(found, Refusal)
    assert found.code == "illegal_move"
    assert isinstance(playable(was(live, dealt - 1), dealt - 1), Playable)


# Another room


def forked(live: Live, to: int) -> Live:
    found = playable(stored(was(live, to)), to)
    assert isinstance(found, Playable)
    other = Live(
        info("holdem", id=RoomId("r_other"), host=UserId("host"), visibility="private"), ("host", "ann", "eve")
    )
    command = Fork(id="f", room="r_other", origin=ROOM, to=to, kept=found.kept, voided=found.voided)
    decision = decide(other.room, OPERATOR, command, START_MS, FRESH)
    assert isinstance(decision, Decision), decision
    other.take(decision)
    other.write()
    return other


def test_a_fork_begins_paused_with_those_who_sat_there_and_nothing_that_they_did_not_know() -> None:
    live = mid_hand("ann", "bob")
    accepted(live, str(live.to_act()), Act, move="call")
    other = forked(live, live.seq)
    assert sitting(other) == sitting(live)
    assert chips(other) == {0: 1000, 1: 1000, 2: 1000}
    assert other.room.info.status == "paused"
    assert clock.alarm(other.room) is None
    assert other.decisions[0].events[0].fields == {"room_id": ROOM, "to": live.seq, "voided": 1}
    assert other.rows.room["status"] == "paused"
    assert set(other.rows.players) == {"host", "ann", "bob"}
    for viewer in other.viewers.values():
        assert viewer.view == viewer.fresh(other.room)
    resumed = decide(other.room, sender("host"), Resume(id="r", room="r_other"), START_MS, FRESH)
    assert isinstance(resumed, Decision)
    assert resumed.room.table.advance_at is not None


def test_only_the_operator_forks_and_only_into_a_fresh_room() -> None:
    live = between_hands()
    found = playable(live.room, live.seq)
    assert isinstance(found, Playable)
    assert refused(live, HOST, Fork, origin="x", to=1, kept=found.kept) == "forbidden"
    command = Fork(id="f", room=ROOM, origin="x", to=1, kept=found.kept)
    verdict = decide(live.room, OPERATOR, command, live.now, FRESH)
    assert isinstance(verdict, Refusal)
    assert verdict.code == "illegal_move"


def test_chat_and_chips_after_it_are_decided_as_ever() -> None:
    live = between_hands()
    goes_back(live, live.seq - 1)
    accepted(live, "ann", Chat, text="again, then")
    accepted(live, HOST, AdjustChips, user_id="ann", amount=5)
    accepted(live, "bob", LeaveSeat)
    accepted(live, "bob", StopSpectating)
    accepted(live, "bob", Spectate)
