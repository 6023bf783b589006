"""Games' pages foresee what their rules make of a move: in whole games at random, under node. So do the examples."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kit.examples import example
from tavola.games.base import Entropy, Game, Move, Outcome, SeatIndex
from tavola.games.registry import shipped
from tavola.games.tictactoe import TicTacToe

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STATIC = ROOT / "edge" / "static"
NODE = shutil.which("node")
NO_CHANCE = Entropy(bytes(32))
AT, USED_MS, HAD_MS, INCREMENT_MS = 1_000_000, 7_000, 50_000, 5_000
TURN = {"deadline_ms": AT + HAD_MS, "timebank_ms": 0}

pytestmark = pytest.mark.skipif(NODE is None, reason="no node on this machine")

Json = dict[str, Any]


def foreseen(page: Mapping[str, str], given: list[Json], folder: Path) -> list[Json]:
    """The views that are shown after each move, by the page's `foresee.js`: its files stand beside the application's in
    `folder`."""
    for name, text in {**page, "turns.js": (STATIC / "app" / "turns.js").read_text()}.items():
        (folder / name).write_text(text.replace('"/static/', '"./'))
    (folder / "texts.js").write_text("export const t = (text) => text;")
    (folder / "package.json").write_text('{"type": "module"}')
    scripts = [HERE / "foresee.mjs", STATIC / "client" / "tavola.js", folder / "foresee.js"]
    command = [str(NODE), *map(str, scripts)]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shown: list[Json] = json.loads(done.stdout)
    return shown


def files(page: str) -> dict[str, str]:
    """Those of one of our games' pages, by name."""
    return {file.name: file.read_text() for file in (ROOT / "games" / page).glob("*.js")}


def values(offer: Json) -> Sequence[Any]:
    if "choices" in offer:
        choices: list[Any] = offer["choices"]
        return choices
    return range(offer["min"], offer["max"] + 1)


class Played:
    """A table of two at which moves are made at random, and what each changed."""

    def __init__(self, game: Game[Any, Any], options: Json, turn: Json) -> None:
        self.game = game
        self.options = game.options_type(**options)
        self.turn = turn
        self.given: list[Json] = []
        self.came: list[Json] = []

    def play(self, chance: random.Random, moves: int) -> None:
        """One game, of so many moves at most."""
        game, options = self.game, self.options
        state = game.open(options)
        for seat in (0, 1):
            state = self._state(game.sit(state, options, SeatIndex(seat)))
        state = self._state(game.advance(state, options, NO_CHANCE))
        for number in range(1, moves + 1):
            to_act = game.to_act(state)
            if not to_act:
                return
            seat = to_act[0]
            move = chance.choice(self._moves(state, seat))
            made = {"move": move.name, **move.arguments}
            self.given.append({"view": self._view(state, seat, number), "made": made, "at": AT})
            state = self._state(game.play(state, options, seat, move, NO_CHANCE))
            self.came.append(self._view(state, seat, number + 1))

    @staticmethod
    def _state(outcome: Any) -> Any:
        assert isinstance(outcome, Outcome)
        return outcome.state

    def _view(self, state: Any, mine: SeatIndex, number: int) -> Json:
        acts = self.game.turn(state)
        view: Json = {
            "room": {"options": {"turn_seconds": 20}},
            "game": self.game.public(state, self.options),
            "me": {"seat_index": mine, "legal": self.game.legal(state, self.options, mine)},
        }
        if acts is not None:
            view["turn"] = {**self.turn, "number": number, "seat_index": acts}
        decoded: Json = json.loads(json.dumps(view))
        return decoded

    def _moves(self, state: Any, seat: SeatIndex) -> list[Move]:
        made = []
        for entry in self.game.legal(state, self.options, seat):
            fixed = {name: offer for name, offer in entry.items() if name != "move" and not isinstance(offer, dict)}
            offers = {name: offer for name, offer in entry.items() if isinstance(offer, dict)}
            lists = {name: values(offer) for name, offer in offers.items()}
            for name, choices in lists.items():
                made += [Move(entry["move"], {**fixed, name: each}) for each in choices]
            if not lists and entry["move"] not in ("resign", "claim_draw"):
                made.append(Move(entry["move"], fixed))
        return made


def compare(played: Played, shown: list[Json], told: Callable[[Json], Any]) -> None:
    for given, ahead, came in zip(played.given, shown, played.came, strict=True):
        assert told(ahead) == told(came), given
        assert ahead["me"] == came["me"], given


def test_a_mark_of_tic_tac_toe(tmp_path: Path) -> None:
    """All that there is of a game, to its end, and who is next with how much time."""
    played = Played(TicTacToe(), {}, TURN)
    for seed in range(60):
        played.play(random.Random(seed), 9)
    shown = foreseen(files("tictactoe_page"), played.given, tmp_path)

    def told(view: Json) -> Any:
        game = view["game"]
        turn = {name: view.get("turn", {}).get(name) for name in ("number", "seat_index")}
        return game["board"], game["line"], game["number"], turn

    compare(played, shown, told)
    assert {len(view["game"]["line"]) for view in played.came} == {0, 3}
    assert any("turn" not in view and not view["game"]["line"] for view in played.came), "a game that nobody won"
    assert {view["turn"]["deadline_ms"] for view in shown if "turn" in view} == {AT + 20_000}


STARTS = {
    "usual": "",
    "castling": "r3k2r/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/R3K2R w KQkq - 3 9",
    "passing": "4k3/1p1p1p2/8/P1P1P3/1p1p1p2/8/P1P1P3/4K3 w - - 0 1",
    "promotions": "rn2k2r/P5pP/8/8/8/8/p5Pp/RN2K2R b KQkq - 0 1",
}
"""Positions in which that comes about soon."""


@pytest.mark.parametrize("start", STARTS)
def test_a_move_of_chess(tmp_path: Path, start: str) -> None:
    """All that is drawn of the position; and the clocks."""
    chess = pytest.importorskip("chess")
    clock = {"kind": "fischer", "base_ms": HAD_MS, "increment_ms": INCREMENT_MS}
    clocks = {"0": HAD_MS, "1": HAD_MS + 1}
    turn = {"deadline_ms": AT + HAD_MS - USED_MS, "timebank_ms": 0, "clock": clock, "clocks": clocks}
    game = next(game for game in shipped() if game.kind == "chess")
    played = Played(game, {"start": STARTS[start]}, turn)
    for seed in range(12):
        played.play(random.Random(seed), 40)
    shown = foreseen(files("chess/page"), played.given, tmp_path)

    def told(view: Json) -> Any:
        game = view["game"]
        return game["fen"].split()[:2], game["last"], game["white"]

    compare(played, shown, told)
    happened = {"usual"}
    for given, ahead, came in zip(played.given, shown, played.came, strict=True):
        mine, then = ahead["me"]["seat_index"], ahead["turn"]
        assert then["seat_index"] == came.get("turn", {}).get("seat_index", 1 - mine)
        assert then["clocks"][str(mine)] == HAD_MS - USED_MS + INCREMENT_MS
        assert then["deadline_ms"] == AT + clocks[str(1 - mine)]
        made, board = given["made"], chess.Board(given["view"]["game"]["fen"])
        move = board.parse_uci(made["from"] + made["to"] + made.get("promotion", ""))
        happened |= {"castling"} if board.is_castling(move) else set()
        happened |= {"passing"} if board.is_en_passant(move) else set()
        happened |= {"promotions"} if move.promotion else set()
    assert start in happened


def test_the_example_of_a_games_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tutorial's game."""
    module = ModuleType("nim")
    monkeypatch.setitem(sys.modules, "nim", module)
    exec(compile(example("docs/tutorial-first-game.md", "class NimOptions"), "nim", "exec"), module.__dict__)
    played = Played(module.Nim(), {}, TURN)
    for seed in range(10):
        played.play(random.Random(seed), 21)
    page = {"foresee.js": example("docs/howto/game-page.md", "export function foresee")}
    shown = foreseen(page, played.given, tmp_path)
    compare(played, shown, lambda view: (view["game"], view.get("turn", {}).get("seat_index")))
    assert any("turn" not in view for view in shown), "a game to its end"


def test_the_example_of_a_client(tmp_path: Path) -> None:
    """Of tic-tac-toe, until a move ends a game: that much the example does not know."""
    played = Played(TicTacToe(), {}, TURN)
    for seed in range(10):
        played.play(random.Random(seed), 4)
    room = "const room = { on: () => {} };"
    said = example("docs/howto/client.md", "room.foresee =")
    shown = foreseen({"foresee.js": f"{room}\n{said}\nexport const {{ foresee }} = room;"}, played.given, tmp_path)
    compare(played, shown, lambda view: (view["game"]["board"], view["turn"]["number"], view["turn"]["seat_index"]))
