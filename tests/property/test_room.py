"""The room over thousands of random games, of hold'em, of tic-tac-toe and of auctions, in which all act at once: what
must hold whatever anybody does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.cards import known_to, mentioned, on_the_table
from kit.example_counts import PROFILE, examples
from kit.merge import nulls
from kit.room_script import ONLOOKER, PEOPLE, Script, Step, hands, opened, scripts, steps
from kit.rooms import Live, Viewer, as_json, info, log_row, stored
from tavola.actors.log.logged import text_of, update_of
from tavola.actors.room import absence, clock, codec, ending
from tavola.actors.room.decide import decide
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Room
from tavola.actors.room.view import Projection, audience, status_of
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import (
    BOT,
    Act,
    AddBot,
    AnyCommand,
    Approve,
    Epoch,
    Kick,
    Leave,
    RequestJoin,
    TakeSeat,
    UserId,
)
from tavola.actors.wire.update import Update, frames
from tavola.games.base import Refusal
from tavola.games.stakes import chips_in

EXAMPLES = 120
some = examples(EXAMPLES)


@pytest.fixture
def rounds() -> Iterator[Counter[str]]:
    """How many hands and rounds all examples of a test begin together: thousands in `make long`. Of a few examples
    many may be quiet."""
    begun = Counter[str]()
    yield begun
    print(f"rounds begun: {dict(begun)}")
    assert begun.total() > (PROFILE if PROFILE > EXAMPLES else EXAMPLES / 2)


@some
@given(script=scripts())
def test_what_holds_at_every_step(rounds: Counter[str], script: Script) -> None:
    live = opened(script)
    decks: set[str] = set()
    for step in steps(script, live):
        if not isinstance(step.verdict, Decision):
            assert step.after is step.before
            continue
        _room_is_sound(step.after)
        _nobody_came_in_by_himself(step)
        _reserved_seats_are_kept(step)
        _turns_go_up(step)
        if step.after.info.game == "holdem":
            _chips_are_conserved(step)
            _no_deck_is_dealt_twice(step, decks)
    rounds[script.info.game] += hands(live)


@some
@given(scripts())
def test_merged_patches_are_the_view(script: Script) -> None:
    """Every viewer, in whatever audience, holds what a fresh view would show them, after every step."""
    live = opened(script)
    for step in steps(script, live):
        if not isinstance(step.verdict, Decision):
            continue
        for viewer in live.viewers.values():
            fresh = viewer.fresh(live.room)
            assert viewer.view == fresh
            assert nulls(fresh) == []
            assert viewer.audience == audience(live.room, viewer.user)
            frame = msgspec.json.decode(viewer.frames[-1])
            assert frame["seq"] == live.seq
            assert frame.get("patch") != {}


@some
@given(scripts())
def test_nobody_is_shown_a_hidden_card(script: Script) -> None:
    live = opened(script)
    for step in steps(script, live):
        if script.info.game != "holdem" or not isinstance(step.verdict, Decision):
            continue
        if {round.ended for round in step.verdict.rounds} == {True, False}:
            continue  # A hand ended and another began at once: what was shown in between is in neither room.
        for user, viewer in live.viewers.items():
            known = known_to(step.before, user) | known_to(step.after, user)
            if audience(step.before, user) == "inside":  # They see how a hand ends as they leave.
                known |= on_the_table(step.after)
            assert mentioned(viewer.frames[-1]) <= known
            assert mentioned(msgspec.json.encode(viewer.view)) <= known_to(step.after, user)


@some
@given(scripts())
def test_replaying_the_log_gives_the_same_states_and_updates(script: Script) -> None:
    """Also when the room goes through storage before each command, and its projection is made afresh."""
    live, again = opened(script), opened(script)
    room = stored(live.first)
    for step in steps(script, live):
        if not isinstance(step.verdict, Decision):
            continue
        line, shown = live.log[-1], live.updates[-1]
        logged = msgspec.Raw(text_of(line.command))
        command = codec.command_of(logged, Versions(), game_of(room))
        verdict = decide(room, line.sender, command, line.now, line.entropy)
        assert isinstance(verdict, Decision)
        update, _ = Projection(room).show(verdict, shown.seq, shown.epoch)
        assert msgspec.json.encode(verdict.room.table) == msgspec.json.encode(live.room.table)
        assert verdict.give == step.verdict.give
        assert _readable(update) == _readable(shown)
        for user, viewer in again.viewers.items():
            viewer.take(update)
            assert viewer.view == live.viewers[user].view
        room = stored(verdict.room)
        assert room == stored(live.room)


@some
@given(scripts(), st.integers(1, 7))
def test_the_rows_are_the_room(script: Script, batch: int) -> None:
    """Batches of any size write what a host would load; the stored alarm is never too late."""
    live = opened(script)
    for _ in steps(script, live):
        if live.seq - live.rows.seq >= batch:
            live.write()
            _rows_are(live)
    live.write()
    _rows_are(live)


@some
@given(scripts(), st.integers(0, 200))
def test_a_gap_is_replayed_as_it_was_shown_live(script: Script, after: int) -> None:
    live = opened(script)
    for _ in steps(script, live):
        pass
    rows = [log_row(update) for update in live.updates]
    logged = [update_of(live.room.info.id, row) for row in rows]
    assert logged == live.updates
    after = min(after, len(logged))
    for user, viewer in live.viewers.items():
        assert frames(logged[after:], user, audience(live.room, user)) == viewer.frames[after:]


@some
@given(scripts(), st.integers(0, 80))
def test_a_viewer_who_comes_later_sees_the_same(script: Script, after: int) -> None:
    """Hydrated in the middle, and whatever they do from there on."""
    live = opened(script)
    late: list[Viewer] = []
    joined = 0
    for _ in steps(script, live):
        if not late and live.seq >= after:
            late = [Viewer(live.room, user) for user in live.viewers]
        elif late and live.seq > joined + len(late[0].frames):
            for viewer in late:
                viewer.take(live.updates[-1])
    for viewer in late:
        assert viewer.view == viewer.fresh(live.room)


def test_these_games_are_played() -> None:
    """Of the same random scripts: that they play thousands of games, and do everything that can be done."""
    rounds = {"holdem": 0, "tictactoe": 0, "auction": 0}
    done: set[str] = set()
    refused: set[str] = set()
    kinds: set[str] = set()
    chance = random.Random(7)

    def play(script: Script) -> None:
        live = opened(script)
        live.viewers.clear()
        for step in steps(script, live):
            if isinstance(step.verdict, Decision):
                done.add(type(step.command).__name__)
                kinds.update(event.kind for event in step.verdict.events)
                _room_is_sound(step.after)
                _nobody_came_in_by_himself(step)
                _reserved_seats_are_kept(step)
                if step.after.info.game == "holdem":
                    _chips_are_conserved(step)
            elif isinstance(step.verdict, Refusal):
                refused.add(step.verdict.code)
        rounds[script.info.game] += hands(live)

    for example in (*_examples(350, chance), *_auctions(60, chance)):
        play(example)
    assert rounds["auction"] > 100, rounds
    assert rounds["holdem"] > 1000, rounds
    assert rounds["tictactoe"] > 1000, rounds
    elsewhere = {"RollBack", "Fork", "Resting"}  # tests/unit/room/test_rollback.py and test_own_time.py have these
    elsewhere |= {"Resign", "OfferDraw", "AnswerDraw", "RequestUndo", "AnswerUndo", "WithdrawOffer"}  # test_offers.py
    assert done == {command.__name__ for command in AnyCommand.__args__} - elsewhere
    assert kinds >= {
        "pot_distributed", "cards_shown", "game_complete", "player_left", "host_changed", "seat_freed", "player_away",
        "player_disconnected", "player_reconnected", "player_kicked", "room_paused", "room_resumed", "room_closed",
        "chips_added", "chips_adjusted", "settings_changed", "player_sat_out", "player_sat_in",
        "round_voided",
    }  # fmt: skip
    assert refused >= {
        "already_requested", "already_seated", "forbidden", "illegal_move", "invalid_message", "not_approved",
        "not_host", "not_seated", "not_your_turn", "room_full", "seat_taken", "stale_turn", "user_not_found",
        "banned", "hand_in_progress", "invalid_options", "room_closed", "room_paused",
    }  # fmt: skip


# Invariants


def _room_is_sound(room: Room) -> None:
    table, game, options = room.table, game_of(room), room.info.options
    users = [seat.user for seat in table.seats.values()]
    assert len(set(users)) == len(users), "one seat a user"
    assert all(0 <= index < game.seats(options) for index in table.seats)
    if room.info.game == "holdem":
        assert sorted(table.seats) == [seat.index for seat in table.game.seats]
    elif room.info.game == "auction":
        assert sorted(table.seats) == [bidder.seat for bidder in table.game.bidders]
    else:
        assert set(table.seats) == set(table.game.seated)
    to_act, turns = game.to_act(table.game), table.running_turns
    assert sorted(turn.seat for turn in turns) == sorted(to_act), "each has one turn"
    assert table.turn is not None or not table.beside
    assert all(turn.seat in table.seats for turn in turns)
    assert [turn.number for turn in turns] == sorted(turn.number for turn in turns), "the first is the oldest"
    assert all(turn.number <= table.turns for turn in turns)
    if len(turns) == 1 and room.info.game != "auction":
        assert turns[0].number == table.turns
    times = game.clock(options)
    assert all(0 <= seat.timebank_ms <= clock.timebank(times) for seat in table.seats.values())
    if room.info.status == "closed":
        assert clock.alarm(room) is None
    elif table.paused_at is not None:
        assert room.info.status == "paused"
        assert clock.alarm(room) == table.host_gone_at
    else:
        playing = table.turn is not None or table.advance_at is not None
        assert room.info.status == ("playing" if playing else "open")
        away = [seat.away for seat in table.seats.values() if seat.away is not None and seat.away.step != "leaving"]
        due = playing or bool(away) or table.host_gone_at is not None
        assert (clock.alarm(room) is not None) == due
    assert room.spectators <= room.info.max_spectators + game.seats(options)
    for user, member in room.members.items():
        assert not (member.watching and member.standing != "approved"), user
    host = room.members.get(room.info.host)
    assert (host is not None and host.standing == "approved") if room.info.host else host is None


def _nobody_came_in_by_himself(step: Step) -> None:
    """Admitted is who the host admitted, who came where that is not needed, or where there was no host."""
    for user, member in step.after.members.items():
        was = step.before.members.get(user)
        if member.standing == "approved" and (was is None or was.standing != "approved"):
            assert was is None or not was.banned
            if isinstance(step.command, Approve):
                assert step.user == step.before.info.host
                assert step.command.user_id == user
            elif isinstance(step.command, AddBot):
                assert step.user == step.before.info.host
                assert user.startswith(BOT)
            else:
                assert isinstance(step.command, RequestJoin)
                assert step.user == user
                invited = user in step.before.info.reservations
                assert step.before.info.approval == "auto" or not step.before.info.host or invited
    if step.user and step.before.role_of(UserId(step.user)) == "guest" and not isinstance(step.command, RequestJoin):
        assert step.after.role_of(UserId(step.user)) == "guest"


def _reserved_seats_are_kept(step: Step) -> None:
    """Nobody but its user sits in a reserved seat, and the reservation goes by their own act or the host's."""
    before, after = step.before.info.reservations, step.after.info.reservations
    for user, index in after.items():
        assert before[user] == index
        assert index not in step.after.table.seats or step.after.table.seats[index].user == user
        member = step.after.members.get(user)
        assert member is None or member.standing == "approved"
    for user in before.keys() - after.keys():
        if isinstance(step.command, Kick):
            assert step.command.user_id == user
        else:
            assert isinstance(step.command, Leave | TakeSeat)
            assert step.user == user


def _no_deck_is_dealt_twice(step: Step, decks: set[str]) -> None:
    assert isinstance(step.verdict, Decision)
    for round in step.verdict.rounds:
        if not round.ended:
            assert round.record["commitment"] not in decks
            decks.add(round.record["commitment"])


def _turns_go_up(step: Step) -> None:
    before, after = step.before.table, step.after.table
    assert after.turns >= before.turns
    assert after.at >= before.at
    assert after.games >= before.games
    started = [event.fields["number"] for event in _events(step) if event.kind == "turn_started"]
    assert started == sorted(started)
    assert all(number >= before.turns for number in started)


def _events(step: Step) -> Any:
    assert isinstance(step.verdict, Decision)
    return step.verdict.events


def _total(room: Room) -> int:
    """All chips that anybody can see."""
    game, table, options = game_of(room), room.table, room.info.options
    seats = [game.public_seat(table.game, options, index) for index in table.seats]
    pots = game.public(table.game, options)["hand"]["pots"]
    total: int = sum(seat["chips"] + seat["bet"] for seat in seats) + sum(pot["amount"] for pot in pots)
    return total


def _chips_are_conserved(step: Step) -> None:
    """The chips on the table are those that were there, and those brought, without those that leavers took with
    them."""
    before, after = step.before, step.after
    options = before.info.options
    brought = 0
    if isinstance(step.command, TakeSeat | AddBot):
        buy_in = step.command.buy_in
        brought = options.usual_buy_in if buy_in is None else buy_in
    taken = 0
    for event in _events(step):
        match event.kind:
            case "chips_added" | "chips_adjusted":
                brought += event.fields["amount"]
            case "seat_freed":
                taken += event.fields["chips"]
    assert _total(after) == _total(before) + brought - taken


def _rows_are(live: Live) -> None:
    rows, room = live.rows, live.room
    grants = [grant for decision in live.decisions for grant in decision.grants]
    loaded = codec.room_of(rows.load_row())
    assert loaded.info == room.info
    assert loaded.members == room.members
    assert loaded.table == stored(room).table
    alarm, kept = ending.alarm(room), rows.room["alarm_at"]
    assert (alarm is None) == (kept is None)
    assert alarm is None or kept <= alarm
    for user in room.members:
        assert as_json(Viewer(loaded, user).view) == as_json(Viewer(room, user).view), "as it was before it was loaded"
    assert {index: seat.user for index, seat in room.table.seats.items()} == {
        index: row["user_id"] for index, row in rows.seats.items()
    }
    for index, seat in room.table.seats.items():
        row = rows.seats[index]
        assert row["status"] == status_of(room, index, seat)
        assert row["away_since"] == (seat.away.since if seat.away is not None else None)
        assert row["chips"] == chips_in(game_of(room), room.table.game, index)
        given = [grant.id for grant in grants if (grant.user, grant.seat) == (seat.user, index)]
        if room.admitted(seat.user):
            assert row["seat_token"] == given[-1]
        else:  # A leaver with cards has the seat until the hand ends; if all in one batch, without a token.
            assert row.get("seat_token") in (None, given[-1])
    assert {row["user_id"] for row in rows.tokens.values()} <= {user for user in room.members if room.admitted(user)}
    assert rows.room["present"] == absence.present(room)
    assert rows.room.get("reserved", room.kept_seats) == room.kept_seats
    assert rows.room.get("players", 0) == len(room.table.seats)
    assert rows.room.get("spectators", 0) == room.spectators == len(rows.spectators)
    assert all("ended_at" not in row for row in rows.games.values() if row["status"] == "running")
    assert (rows.room.get("current_game_id") in rows.games) == bool(room.table.games)


@some
@given(scripts())
def test_nobody_is_shown_a_bid_before_all_have_made_theirs(script: Script) -> None:
    """Two auctions in which one player bids otherwise for a lot: nobody else can tell, until the bids are turned up."""
    live = opened(script)
    for step in steps(script, live):
        command = step.command
        if step.before.info.game != "auction" or not isinstance(step.verdict, Decision) or not isinstance(command, Act):
            continue
        if len(step.before.table.running_turns) < 2:
            continue  # It was the last one.
        otherwise = msgspec.structs.replace(command, arguments={"amount": 1 - min(command.arguments["amount"], 1)})
        line = live.log[-1]
        verdict = decide(step.before, line.sender, otherwise, line.now, line.entropy)
        assert isinstance(verdict, Decision)
        shown = [Projection(step.before).show(each, live.seq, Epoch(1))[0] for each in (step.verdict, verdict)]
        for user in (*PEOPLE, ONLOOKER):
            if user != step.user:
                seen = audience(step.after, UserId(user))
                one, other = (update.frame_for(UserId(user), seen) for update in shown)
                assert one == other, user
        assert shown[0].frame_for(UserId(step.user), "inside") != shown[1].frame_for(UserId(step.user), "inside")


def _auctions(count: int, chance: random.Random) -> list[Script]:
    return [
        Script(
            info("auction", approval="auto", seats=3 + i % 5, lots=1 + i % 3, turn_seconds=2, pause_seconds=i % 3),
            3 + i % 3,
            chance.randbytes(600),
        )
        for i in range(count)
    ]


def _readable(update: Update) -> Any:
    """An update with its JSON read, without private patches: a host that has just loaded the room may say more."""

    def text(value: bytes) -> Any:
        return msgspec.json.decode(value) if value else None

    parts = {user: (text(p.events), p.audience, p.was) for user, p in update.users.items() if p.events or p.audience}
    outside = (text(update.outside.events), text(update.outside.patch))
    return (update.seq, update.at, text(update.events), text(update.patch), outside, parts)


def _examples(count: int, chance: random.Random) -> list[Script]:
    """Long scripts, without Hypothesis: the same ones in every run."""
    scripts = []
    for i in range(count):
        common: dict[str, Any] = {"approval": "auto" if i % 4 else "host", "turn_seconds": 2, "auto_start": i % 8 != 1}
        described = (
            info(**common, max_spectators=2, seats=2 + i % 4, min_buy_in=10, max_buy_in=200, next_hand_seconds=i % 3)
            if i % 2
            else info("tictactoe", **common, max_spectators=2, rematch_seconds=i % 3)
        )
        scripts.append(Script(described, 2 + i % 4, chance.randbytes(600)))
    return scripts
