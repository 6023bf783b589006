"""An edge imports no game, whatever is asked of it, and needs none to start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.client import Api, Player, reachable
from kit.stack import Stack, until
from kit.table import open_room
from tavola.new import make
from tavola.stack.processes import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

NOTED = """\
import os as _os
with open({0!r}, "a") as _seen:
    print(_os.getpid(), file=_seen)
"""


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """The processes that imported the game, a line each."""
    return tmp_path / "imported"


@pytest.fixture
def stack(tmp_path: Path, imported: Path) -> Iterator[Stack]:
    folder = tmp_path / "nim"
    make("nim", folder)
    game = folder / "nim" / "game.py"
    head, future, rest = game.read_text().partition("from __future__ import annotations\n")
    game.write_text(head + future + NOTED.format(str(imported)) + rest)
    (folder / "half.py").write_text("class Half:\n    cells = [1, 2][3]\n")
    made = Stack(tmp_path / "data", TAVOLA_GAMES="nim.game:Nim", TAVOLA_GAMES_PATH=str(folder))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def edge(stack: Stack, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """The pid and the address of an edge that is started by itself, where one of the games cannot be imported."""
    port = free_port()
    environment = {
        **os.environ,
        "TAVOLA_DATA_DIR": str(stack.folder),
        "TAVOLA_PORT": str(port),
        "TAVOLA_GAMES": "nim.game:Nim,half:Half",
        "TAVOLA_GAMES_PATH": str(tmp_path / "nim"),
    }
    process = subprocess.Popen([sys.executable, "-P", "-m", "tavola", "edge"], env=environment, cwd=tmp_path)
    try:
        yield process.pid, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def test_a_game_is_opened_watched_played_and_kept_and_no_edge_imports_it(
    stack: Stack, edge: tuple[int, str], imported: Path
) -> None:
    pid, url = edge
    await until(lambda: reachable(url), "the edge")
    async with Api(url) as api, stack.truth() as truth:
        games = (await api.request("GET", "/api/games")).json()["games"]
        assert {"nim", "holdem", "tictactoe"} <= {game["game"] for game in games}
        who = [await api.sign_in(name) for name in ("Ada", "Ben", "Stranger")]
        room = await open_room(api, who[0], "nim")
        outside = await api.ok("GET", f"/api/rooms/{room}/hydrate", who[2])
        assert (outside["me"]["role"], outside["seq"]) == ("guest", 0)
        assert await truth.value("SELECT epoch FROM rooms WHERE id = $1", room) == 0, "it was not loaded for that"
        await api.ok("POST", f"/api/rooms/{room}/join", who[1], {"display_name": "Ben"})
        players = [Player(each, room) for each in who[:2]]
        for seat, player in enumerate(players):
            await player.follow(url)
            await player.command("take_seat", seat_index=seat)
        for player in players:
            await player.until(lambda player=player: "turn" in player.view, "the game begins")  # type: ignore[misc]
        mover = next(player for player in players if player.to_act())
        await mover.command("act", move="take", stones=1)
        await api.ok("POST", f"/api/game/{room}/persist", who[0], {"force_overwrite": True})
        kept = await api.ok("GET", f"/api/game/{room}/restore", who[0])
        assert kept["state"]["game"]["stones"] > 0
        page = (await api.request("GET", "/static/games/nim/page.js")).text
        assert "register(" in page
        for player in players:
            assert player.faults == []
            await player.leave()
    pids = {int(line) for line in imported.read_text().split()}
    assert pids, "others import it"
    assert not pids & {pid, stack.pid_of("edges")}
