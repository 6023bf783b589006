"""Games that are played for chips, of which hold'em is one; and those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.games import having
from kit.rooms import HOST, ROOM, Live, info
from kit.wagers import Wagers, WagerState
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import AdjustChips, Kick, LeaveSeat, Rebuy, Start
from tavola.games.base import Game, Outcome, Refusal, SeatIndex
from tavola.games.holdem.game import Holdem
from tavola.games.registry.discovery import GameNotLoaded, load
from tavola.games.stakes import CashedOut, Stakes, carried, chips_in, stakes_of
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions
from tavola.testing import Playing


@pytest.fixture(autouse=True)
def _wagers() -> Iterator[None]:
    with having(Wagers()):
        yield


def done(verdict: Any) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(verdict, Decision), verdict
    return [(str(event.kind), event.fields) for event in verdict.events]


def test_a_room_deals_with_the_chips_of_any_game_that_has_them() -> None:
    live = Live(info("wagers", auto_start=False), viewers=("host",))
    live.sit("ann", 0, 30)
    live.sit("bob", 1)
    live.write()
    assert {index: row["chips"] for index, row in live.rows.seats.items()} == {0: 30, 1: 7}
    assert done(live.send("ann", Rebuy(id="1", room=ROOM, amount=5))) == [
        ("chips_added", {"seat_index": 0, "user_id": "ann", "amount": 5, "chips": 35})
    ]
    assert done(live.send(HOST, AdjustChips(id="2", room=ROOM, user_id="bob", amount=-3))) == [
        ("chips_adjusted", {"seat_index": 1, "user_id": "bob", "amount": -3, "chips": 4})
    ]
    live.write()
    assert {index: row["chips"] for index, row in live.rows.seats.items()} == {0: 35, 1: 4}
    left = done(live.send("ann", LeaveSeat(id="3", room=ROOM)))
    assert left[0] == ("seat_freed", {"seat_index": 0, "user_id": "ann", "chips": 35})
    out = done(live.send(HOST, Kick(id="4", room=ROOM, user_id="bob")))
    assert ("seat_freed", {"seat_index": 1, "user_id": "bob", "chips": 4}) in out


def test_a_game_without_chips_passes_over_what_is_brought_and_refuses_more() -> None:
    live = Live(info("tictactoe", auto_start=False), viewers=("host",))
    live.sit("ann", 0, 30)
    live.sit("bob", 1)
    no = Refusal("illegal_move", "This game has no chips.")
    assert live.send("ann", Rebuy(id="1", room=ROOM, amount=5)) == no
    assert live.send(HOST, AdjustChips(id="2", room=ROOM, user_id="ann", amount=5)) == no
    assert isinstance(live.send(HOST, Start(id="3", room=ROOM)), Decision)
    halted = live.send(HOST, AdjustChips(id="4", room=ROOM, user_id="ann", amount=5))
    assert isinstance(halted, Refusal)
    assert halted.code == "hand_in_progress", "asked for first, as ever"
    live.write()
    assert [row["chips"] for row in live.rows.seats.values()] == [0, 0]
    left = done(live.send("ann", LeaveSeat(id="5", room=ROOM)))
    assert ("seat_freed", {"seat_index": 0, "user_id": "ann"}) in left


def test_what_a_class_has_is_known_of_the_class() -> None:
    holdem, toe = Holdem(), TicTacToe()
    assert stakes_of(holdem) is holdem
    assert stakes_of(toe) is None
    assert chips_in(toe, toe.open(TicTacToeOptions()), SeatIndex(0)) == 0
    freed = CashedOut(toe.open(TicTacToeOptions()), vacated=(SeatIndex(0), SeatIndex(1)), carried={SeatIndex(1): 4})
    assert [carried(freed, SeatIndex(seat)) for seat in (0, 1)] == [None, 4]
    assert carried(Outcome(toe.open(TicTacToeOptions()), vacated=(SeatIndex(0),)), SeatIndex(0)) is None


def test_to_sit_without_a_word_brings_what_is_usual() -> None:
    game, options = Wagers(), TicTacToeOptions()
    sat = game.sit(game.open(options), options, SeatIndex(1))
    assert isinstance(sat, Outcome)
    assert sat.state == WagerState(seated=(SeatIndex(1),), purses=(0, 7))


def test_authors_try_both_kinds_alike() -> None:
    playing = Playing(Wagers)
    assert isinstance(playing.sit(0, 30), Outcome)
    assert isinstance(playing.sit(1), Outcome)
    assert playing.state.purses == (30, 7)
    with pytest.raises(AssertionError, match="no chips"):
        Playing(TicTacToe).sit(0, 30)


# The contract of the release before


def test_sit_as_it_was_is_refused_with_what_to_write_now() -> None:
    def sit(self: Any, state: Any, options: Any, seat: Any, buy_in: Any = None) -> None: ...

    said = r"Old\.sit takes `buy_in`.*write `def sit\(self, state, options, seat\)`.*Stakes"
    with pytest.raises(TypeError, match=said):
        type("Old", (TicTacToe,), {"sit": sit})


def test_what_is_played_for_chips_must_know_what_everybody_had() -> None:
    class Silent(Wagers):
        void = Stakes.void

    with pytest.raises(TypeError, match="void"):
        Silent()


@pytest.mark.parametrize("bases", [(TicTacToe, Stakes), (Game[Any, Any], Stakes[Any, Any])])
def test_the_capability_comes_first(bases: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="name `Stakes` before `Game`"):
        type("Behind", tuple(getattr(base, "__origin__", base) for base in bases), {})


@pytest.mark.parametrize("method", ["rebuy", "adjust_chips", "chips"])
def test_chips_without_the_capability_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    source = "from tavola.games.tictactoe import TicTacToe\nclass Toe(TicTacToe):\n    kind = 'toe'\n"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"toe_without_{method}.py").write_text(source)
    assert load(f"toe_without_{method}:Toe", "here").kind == "toe"
    (tmp_path / f"toe_with_{method}.py").write_text(f"{source}    def {method}(self, *_):\n        return 5\n")
    with pytest.raises(GameNotLoaded, match=f"has `{method}`, and not the capability `Stakes`"):
        load(f"toe_with_{method}:Toe", "here")
