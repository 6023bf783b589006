"""A project of somebody else's, with packages of its own called `games` and `storage`, installed beside the wheel: its
games are found in every process, and played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kit.client import Api
from kit.stack import Stack, until
from kit.wheel import ROOT, add_guests, fails, installed, playing, run

GUESTS = ("connect_four", "liars_dice")
BY_NAME = {
    "TAVOLA_GAMES": "games.connect_four:ConnectFour,games.liars_dice:LiarsDice",
    "TAVOLA_GAMES_PATH": str(ROOT / "tests" / "guest"),
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    programs = installed(tmp_path_factory.mktemp("wheel"))
    add_guests(programs)
    return programs


def test_installed_they_are_listed_with_their_origin(programs: Path, tmp_path: Path) -> None:
    found = listed(programs, tmp_path)
    assert [each["game"] for each in found] == ["holdem", "tictactoe", "auction", "hearts", "chess", *GUESTS]
    assert {each["from"] for each in found} == {
        "tavola 0.1.0",
        *(f"guest-games 1.2.0 (entry point {game})" for game in GUESTS),
    }
    table = run(programs / "tavola", "games", cwd=tmp_path)
    assert "Liar's Dice" in table
    assert "guest-games 1.2.0" in table


def test_installed_and_named_they_are_the_same_games(programs: Path, tmp_path: Path) -> None:
    assert listed(programs, tmp_path, environment=BY_NAME) == listed(programs, tmp_path)


@pytest.mark.parametrize("game", GUESTS)
def test_they_keep_their_promises(programs: Path, tmp_path: Path, game: str) -> None:
    assert "nothing found in 60 games" in run(programs / "tavola", "check", game, "--games", "60", cwd=tmp_path)


def test_a_new_project_is_made_and_checked_by_the_wheel(programs: Path, tmp_path: Path) -> None:
    run(programs / "tavola", "new", "nim", cwd=tmp_path)
    named = {"TAVOLA_GAMES": "nim.game:Nim"}
    found = listed(programs, tmp_path / "nim", environment=named)
    assert found[-1]["from"] == f"TAVOLA_GAMES ({tmp_path}/nim/nim/game.py)"
    checked = run(programs / "tavola", "check", "nim", "--games", "20", cwd=tmp_path / "nim", environment=named)
    assert "nothing found in 20 games" in checked


async def test_they_are_played_beside_the_wheel_from_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    playing_both = ("--game", ",".join(GUESTS), "--tables", "4", "--seats", "4", "--hands", "3")
    with playing([programs / "tavola"], tmp_path, *playing_both, TAVOLA_ROOMS_PER_ACTOR="2") as stack:
        async with Api(stack.urls[0]) as api:
            games = await api.ok("GET", "/api/games", await api.sign_in("Ada"))
        by_kind = {each["game"]: each for each in games["games"]}
        assert {*GUESTS} <= by_kind.keys()
        assert "pause_seconds" in json.dumps(by_kind["liars_dice"]["options"]), "their options' schema is told"


@pytest.mark.long
@pytest.mark.timeout(700)
def test_they_are_played_while_everything_breaks(programs: Path, tmp_path: Path) -> None:
    """Long enough for every kind of fault to be done, and to hurt."""
    breaking = ("--faults", "all", "--fault-count", "120", "--fault-rate", "40")
    playing_both = ("--game", ",".join(GUESTS), "--tables", "4", "--edges", "2")
    told = run(programs / "tavola", "load", *playing_both, *breaking, cwd=tmp_path, timeout=600)
    assert "verdict   passed" in told


@pytest.mark.long
async def test_a_game_that_cannot_be_loaded_stops_every_start(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("import tavola.games.base\n\nclass Half:\n    cells = [1, 2][3]\n")
    for command in (["games"], ["dev", "--data-dir", "data"], ["dev", "--game", "half:Other"]):
        told = fails(programs / "tavola", *command, cwd=tmp_path, environment={"TAVOLA_GAMES": "half:Half"})
        assert told.startswith(
            f"tavola: TAVOLA_GAMES, with {tmp_path} on the path: half:Half cannot be loaded: IndexError"
        )
        assert f'File "{tmp_path}/half.py", line 4, in Half' in told
        assert told.rstrip().endswith("IndexError: list index out of range")
    assert not (tmp_path / "data").exists(), "nothing was begun"
    with playing([programs / "tavola"], tmp_path, "--game", "tictactoe", "--hands", "1") as stack:
        joined = stack.described["environment"]
        for process in ("steward", "rooms"):
            broken = {**joined, "TAVOLA_GAMES": "half:Half", "TAVOLA_PORT": "0"}
            assert "IndexError" in fails(programs / "tavola", process, cwd=tmp_path, environment=broken)


async def test_a_node_that_lacks_a_game_says_which(programs: Path, tmp_path: Path) -> None:
    """The edge has the game, and where rooms live it cannot be imported."""
    (tmp_path / "here.py").write_text(
        "import sys\n\nif not {'dev', 'steward', 'bots'} & {*sys.argv}:\n    import not_on_this_node\n\n"
        "from tavola.games.tictactoe import TicTacToe\n\nclass Here(TicTacToe):\n    kind = 'here'\n"
    )
    stack = Stack(tmp_path / "data", TAVOLA_GAMES="here:Here", TAVOLA_GAMES_PATH=str(tmp_path))
    stack.program, stack.cwd = [programs / "tavola"], tmp_path
    try:
        stack.start()
        why = "here:Here cannot be loaded: ModuleNotFoundError: No module named 'not_on_this_node'"
        steward = tmp_path / "data/logs/steward.log"
        await until(lambda: steward.exists() and why in steward.read_text(), "the steward says why it has no actor")
        workers = tmp_path / "data/logs/forks-ray.log"
        assert f'File "{tmp_path}/here.py", line 4, in <module>' in workers.read_text()
    finally:
        stack.stop()


def listed(programs: Path, cwd: Path, environment: dict[str, str] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        run(programs / "tavola", "games", "--json", cwd=cwd, environment=environment)
    )
    return found
