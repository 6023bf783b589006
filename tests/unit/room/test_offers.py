"""Offers among players: giving up, a draw by agreement, a move taken back; who is asked, and when an offer is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from kit.agreeing import Agreeing
from kit.games import having
from kit.rooms import ROOM, Live, as_json, info, stored
from tavola.actors.log.logged import text_of
from tavola.actors.room import codec
from tavola.actors.room.decide import decide
from tavola.actors.room.play import game_of
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Decision
from tavola.actors.room.view import whole
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import (
    Act,
    AnswerDraw,
    AnswerUndo,
    LeaveSeat,
    OfferDraw,
    Pause,
    Recover,
    RequestUndo,
    Resign,
    UserId,
    WithdrawOffer,
)
from tavola.actors.wire.view import ViewSkeleton
from tavola.games.base import Refusal
from tavola.games.holdem.game import Holdem
from tavola.games.offers import TakeBacks


@pytest.fixture(autouse=True)
def agreeing() -> Iterator[None]:
    with having(Agreeing()):
        yield


def table(game: str = "agreeing") -> Live:
    """A game has begun; it is ann's turn."""
    live = Live(info(game), ("host", "ann", "bob", "eve"))
    live.sit("ann", 0)
    live.sit("bob", 1)
    live.wake()
    assert live.to_act() == "ann" or game == "holdem"
    return live


def ask(live: Live, user: str, command: Any, **fields: Any) -> Decision:
    decision = live.send(user, command(id=live.id(), room=ROOM, **fields))
    assert isinstance(decision, Decision), decision
    return decision


def refused(live: Live, user: str, command: Any, **fields: Any) -> str:
    verdict = live.send(user, command(id=live.id(), room=ROOM, **fields))
    assert isinstance(verdict, Refusal)
    return verdict.code


def mark(live: Live, user: str, cell: int) -> Decision:
    return ask(live, user, Act, move="mark", arguments={"cell": cell})


def ended(decision: Decision) -> list[str]:
    return [event.fields["reason"] for event in decision.events if event.kind == "offer_ended"]


def shown(live: Live, user: str) -> Any:
    view = live.viewers[UserId(user)].view
    assert view == as_json(whole(live.room, UserId(user)))
    msgspec.convert(view, ViewSkeleton)
    return view


def test_a_game_that_hides_something_takes_nothing_back() -> None:
    with pytest.raises(TypeError, match="hides something"):
        type("Peeking", (Holdem, TakeBacks), {"take_back": lambda self, state, options, seat: None})


def test_a_game_without_them_knows_none() -> None:
    live = table("tictactoe")
    for command in (Resign, OfferDraw, RequestUndo):
        assert refused(live, "ann", command) == "illegal_move"
    assert "offers" not in shown(live, "ann")["me"]


def test_the_view_says_what_may_be_offered_while_a_round_runs() -> None:
    live = table()
    assert shown(live, "ann")["me"]["offers"] == ["resign", "draw", "undo"]
    assert "offers" not in shown(live, "eve")["me"]
    ask(live, "bob", Resign)
    assert "offers" not in shown(live, "ann")["me"]
    assert refused(live, "ann", OfferDraw) == "illegal_move", "no round runs"


def test_who_gives_up_loses_in_anybodys_turn() -> None:
    live = table()
    decision = ask(live, "bob", Resign)
    assert [event.kind for event in decision.events[:2]] == ["player_resigned", "game_complete"]
    assert decision.result == {"winner": 0, "line": []}
    assert refused(live, "eve", Resign) == "not_seated"


def test_a_draw_is_one_when_the_other_agrees() -> None:
    live = table()
    made = ask(live, "ann", OfferDraw)
    id = made.events[0].fields["id"]
    for user in ("ann", "bob"):
        assert shown(live, user)["offer"] == {"offer": "draw", "id": id, "seat_index": 0, "accepted": []}
    assert "offer" not in shown(live, "eve"), "only those at the table"
    assert refused(live, "bob", OfferDraw) == "offer_pending"
    assert refused(live, "ann", AnswerDraw, accept=True) == "no_offer", "nobody agrees with themselves"
    assert refused(live, "bob", AnswerUndo, accept=True) == "no_offer"
    assert refused(live, "bob", AnswerDraw, accept=True, offer="another") == "no_offer"
    agreed = ask(live, "bob", AnswerDraw, accept=True, offer=id)
    assert agreed.result == {"winner": None, "line": []}
    assert ended(agreed) == ["accepted"]
    assert "offer" not in shown(live, "ann")


def test_who_does_not_agree_says_so_or_moves() -> None:
    live = table()
    ask(live, "ann", OfferDraw)
    assert ended(ask(live, "bob", AnswerDraw, accept=False)) == ["declined"]
    ask(live, "ann", OfferDraw)
    assert ended(mark(live, "ann", 0)) == [], "it was offered with this move"
    assert ended(mark(live, "bob", 1)) == ["expired"]
    assert refused(live, "bob", AnswerDraw, accept=True) == "no_offer"


def test_a_turn_that_runs_out_is_no_answer_either() -> None:
    live = table()
    ask(live, "bob", OfferDraw)
    played = live.wake()
    assert isinstance(played, Decision)
    assert ended(played) == ["expired"]


def test_an_offer_is_taken_back_by_its_player_alone() -> None:
    live = table()
    ask(live, "ann", OfferDraw)
    assert refused(live, "bob", WithdrawOffer) == "no_offer"
    assert ended(ask(live, "ann", WithdrawOffer)) == ["withdrawn"]
    assert refused(live, "ann", WithdrawOffer) == "no_offer"


def test_a_move_is_taken_back_with_all_that_came_after_it() -> None:
    live = table()
    before = live.room.table
    mark(live, "ann", 0)
    mark(live, "bob", 4)
    number = live.room.table.turns
    ask(live, "ann", RequestUndo)
    done = ask(live, "bob", AnswerUndo, accept=True)
    assert ended(done) == ["accepted"]
    assert live.room.table.game == before.game
    assert before.turn is not None
    assert live.room.table.turn is not None
    assert live.room.table.turn.seat == before.turn.seat
    assert live.room.table.turn.number == number + 1, "a move for what is undone comes too late"
    assert live.room.table.turn.deadline_ms == live.now + 20_000
    assert refused(live, "ann", RequestUndo) == "illegal_move", "there is nothing any more"


def test_who_moves_on_wants_nothing_back() -> None:
    live = table()
    mark(live, "ann", 0)
    mark(live, "bob", 4)
    ask(live, "ann", RequestUndo)
    assert ended(mark(live, "ann", 1)) == ["expired"]


def test_it_is_over_when_somebody_leaves_or_the_round_ends() -> None:
    live = table()
    ask(live, "ann", OfferDraw)
    assert ended(ask(live, "bob", LeaveSeat)) == ["expired"]
    live = table()
    ask(live, "ann", OfferDraw)
    assert ended(ask(live, "bob", Resign)) == ["expired"]
    assert live.room.table.offer is None


def test_nothing_is_offered_while_play_stands_still() -> None:
    live = table()
    ask(live, "ann", OfferDraw)
    ask(live, "host", Pause)
    assert refused(live, "bob", AnswerDraw, accept=True) == "room_paused"
    assert shown(live, "bob")["offer"]["offer"] == "draw"
    ask(live, "ann", WithdrawOffer)


def test_it_survives_a_crash_and_is_replayed_to_the_byte() -> None:
    live = table()
    mark(live, "ann", 0)
    ask(live, "ann", RequestUndo)
    assert stored(live.room).table == live.room.table
    live.now += 60_000
    ask(live, "", Recover)
    assert shown(live, "bob")["offer"]["offer"] == "undo"
    ask(live, "bob", AnswerUndo, accept=True)
    room = stored(live.first)
    for line, decision in zip(live.log, live.decisions, strict=True):
        logged = codec.command_of(msgspec.Raw(text_of(line.command)), Versions(), game_of(room))
        again = decide(room, line.sender, logged, line.now, line.entropy)
        assert isinstance(again, Decision)
        assert msgspec.json.encode(again.room.table) == msgspec.json.encode(decision.room.table)
        room = stored(again.room)


def test_what_is_stored_has_an_offer_only_while_there_is_one() -> None:
    live = table()
    assert '"offer"' not in dump(live.room)
    ask(live, "ann", OfferDraw)
    assert '"offer"' in dump(live.room)
    ask(live, "ann", WithdrawOffer)
    assert '"offer"' not in dump(live.room)
