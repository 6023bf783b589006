"""Games from outside: found by entry points and by name, refused with what is wrong and with who named them."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.games import having
from tavola.games.registry import GAMES
from tavola.games.registry.discovery import GameNotLoaded, WantedGames, found
from tavola.games.tictactoe import TicTacToe

GAME = "from tavola.games.tictactoe import TicTacToe\n\nclass Toe(TicTacToe):\n    kind = {kind!r}\n"


PARTIAL = """
import msgspec
from tavola.games.base import Game
class Both(msgspec.Struct, frozen=True):
    pass
class Toe(Game[Both, Both]):
    kind = "toe"
"""
"""A class that has its types, and nothing else of a game."""


@pytest.fixture(autouse=True)
def _what_was_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {*sys.modules}
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for module in sys.modules.keys() - before:
        del sys.modules[module]


def installed(folder: Path, name: str, *points: str) -> None:
    """A distribution with these entry points lies in a folder on the path."""
    info = folder / f"{name}-2.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text("\n".join(("[tavola.games]", *points, "")))
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def test_a_game_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "toe_named.py").write_text(GAME.format(kind="toe") + "ready = Toe()\n")
    for name in ("toe_named:Toe", "toe_named:ready"):
        kinds = {each.game.kind: each.origin for each in found(WantedGames((name,), tmp_path))}
        assert kinds["toe"] == f"TAVOLA_GAMES ({tmp_path}/toe_named.py)"
        assert {"holdem", "tictactoe"} < kinds.keys()
    assert "toe" not in GAMES, "a look changes nothing"


def test_a_game_is_found_by_its_entry_point(tmp_path: Path) -> None:
    (tmp_path / "toe_point.py").write_text(GAME.format(kind="toe"))
    installed(tmp_path, "toes", "the-toe = toe_point:Toe")
    kinds = {each.game.kind: each.origin for each in found(WantedGames())}
    assert kinds["toe"] == "toes 2.5 (entry point the-toe)"
    both = found(WantedGames(("toe_point:Toe",), tmp_path))
    assert [each.game.kind for each in both].count("toe") == 1, "named twice, it is one game"


@pytest.mark.parametrize(("kind", "other"), [("tictactoe", "tavola "), ("toe", "toes 2.5")])
def test_two_games_of_one_kind(tmp_path: Path, kind: str, other: str) -> None:
    (tmp_path / "toe_point.py").write_text(GAME.format(kind="toe"))
    (tmp_path / "toe_other.py").write_text(GAME.format(kind=kind))
    installed(tmp_path, "toes", "toe = toe_point:Toe")
    with pytest.raises(GameNotLoaded, match=f"TAVOLA_GAMES .*its kind '{kind}' is that of another game, of {other}"):
        found(WantedGames(("toe_other:Toe",), tmp_path))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = ", "SyntaxError: invalid syntax"),
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("Other = 1", "AttributeError: module 'toe_wrong' has no attribute 'Toe'"),
        ("Toe = 1", "toe_wrong:Toe is a int, and no Game"),
        (GAME.format(kind="Toe"), "toe_wrong:Toe is of kind 'Toe'; a kind is like connect_four"),
        ("from tavola.games.base import Game\nclass Toe(Game):\n    kind = 'toe'\n", "Toe does not say its state_type"),
        (PARTIAL, "TypeError: Can't instantiate"),
        (GAME.format(kind="toe").replace("kind =", "kind = title ="), ""),
    ],
)
def test_a_game_that_cannot_be_loaded_says_why_and_who_named_it(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "toe_wrong.py").write_text(source)
    installed(tmp_path, "toes", "toe = toe_wrong:Toe")
    if not said:
        assert found(WantedGames()), "the test can fail"
        return
    with pytest.raises(GameNotLoaded) as failed:
        found(WantedGames())
    assert str(failed.value).startswith("toes 2.5 (entry point toe): toe_wrong:Toe ")
    assert said in str(failed.value)
    assert "discovery.py" not in str(failed.value), "the traceback is of the game's own code"
    assert "importlib" not in str(failed.value)
    told: GameNotLoaded = pickle.loads(pickle.dumps(failed.value))
    assert (str(told), told.origin) == (str(failed.value), failed.value.origin)


def test_nobody_writes_to_the_games_but_who_holds_them_for_a_while() -> None:
    class Toe(TicTacToe):
        kind = "toe"

    with having(Toe()):
        assert isinstance(GAMES["toe"], Toe)
    assert "toe" not in GAMES
    with pytest.raises(TypeError):
        GAMES["toe"] = Toe()  # type: ignore[index]
