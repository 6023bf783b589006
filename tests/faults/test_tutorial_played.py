"""The tutorial, line by line as it says, from `tavola new` to a game that goes on after its server was killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.client import Api, Player
from kit.examples import example, examples
from kit.stack import FOREIGN, NO_LIMITS, lives, until
from kit.table import open_room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TUTORIAL = "docs/tutorial-first-game.md"
DEV = "tavola dev --game nim.game:Nim"
LINES = [line for each in examples() if each.page == TUTORIAL and not each.language for line in each.text.splitlines()]


class Reader:
    """Somebody who types each line of the tutorial, in a folder of theirs."""

    def __init__(self, folder: Path) -> None:
        (folder / "bin").mkdir()
        for program, command in {"tavola": f"{sys.executable} -P -m tavola", "python": sys.executable}.items():
            (folder / "bin" / program).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (folder / "bin" / program).chmod(0o755)
        self.folder = folder
        self.dev: subprocess.Popen[bytes] | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "PYTHON"))}
        self._environment = {**kept, **NO_LIMITS, "TAVOLA_PORT": "0", "PATH": f"{folder}/bin:{os.environ['PATH']}"}

    def types(self, line: str, timeout: float = 200) -> str:
        """The line's output. It must not fail."""
        if line.startswith("cd "):
            self.folder /= shlex.split(line)[1]
            return ""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    async def starts(self, line: str) -> dict[str, Any]:
        """The line goes on in a terminal of its own; what it says of how to join it."""
        with (self.folder / "dev.out").open("wb") as out:
            command = ["sh", "-c", f"exec {line}"]
            environment = self._environment
            self.dev = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=out, stderr=out)  # noqa: ASYNC220
        said = self.folder / "dev.out"
        await until(lambda: "Tavola is ready" in said.read_text() or not self._runs(), "tavola dev is ready", 100)
        assert self._runs(), said.read_text()
        stack: dict[str, Any] = json.loads((self.folder / ".tavola" / "stack.json").read_text())
        return stack

    def _runs(self) -> bool:
        return self.dev is not None and self.dev.poll() is None

    def leaves(self) -> None:
        if self.dev is not None:
            self.dev.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.dev.wait(40)
            self.dev.kill()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.leaves()


async def test_the_tutorial_line_by_line(reader: Reader) -> None:
    lines = iter(LINES)
    said = {}
    for line in lines:
        if line == DEV:
            break
        said[line] = reader.types(line)
        if line == "cd nim":
            _is_what_is_told(reader)
    # A thousand, or as many as a minute has.
    assert re.search(r"nothing found in [\d,]+ games", said["tavola check nim.game:Nim"])
    assert "2 passed" in said["python -m pytest"]
    assert any("tavola load passed" in told for told in said.values())
    _finds_what_the_reader_breaks(reader)

    url = (await reader.starts(DEV))["url"]
    async with Api(url) as api:
        players = await _seated(api, url)
        await _takes(players, 1)
        rooms, kill = lines
        assert "nim" in reader.types(rooms)
        [room] = json.loads(reader.types(f"{rooms} --json"))
        assert kill == "kill -9 PID"
        reader.types(kill.replace("PID", str(room["pid"])))
        await until(lambda: not lives(room["pid"]), "it is killed")
        left = players[0].view["game"]["stones"]
        await _takes(players, 1)
        assert players[0].view["game"]["stones"] == left - 1, "it is the same game, with the same stones"
        while not (over := [event for event in players[0].events if event["kind"] == "game_complete"]):
            await _takes(players, 3)
        assert over[0]["winner"] in (0, 1)
        for player in players:
            assert player.faults == []
            await player.leave()


def _is_what_is_told(reader: Reader) -> None:
    """The project has the files that the tutorial shows."""
    assert (reader.folder / "nim" / "game.py").read_text() == example(TUTORIAL, "class NimOptions")
    assert (reader.folder / "tests" / "test_game.py").read_text() == example(TUTORIAL, "def test_the_last_stone_wins")


def _finds_what_the_reader_breaks(reader: Reader) -> None:
    game = reader.folder / "nim" / "game.py"
    right = game.read_text()
    game.write_text(right.replace('"max": min(3, state.stones)', '"max": 3'))
    with pytest.raises(AssertionError, match=r"nim\.game:Nim: offered-refused"):
        reader.types("tavola check nim.game:Nim")
    game.write_text(right)


async def _seated(api: Api, url: str) -> list[Player]:
    who = [await api.sign_in(name) for name in ("Ada", "Ben")]
    room = await open_room(api, who[0], "nim")
    await api.ok("POST", f"/api/rooms/{room}/join", who[1], {"display_name": "Ben"})
    players = [Player(each, room) for each in who]
    for seat, player in enumerate(players):
        await player.follow(url)
        await player.command("take_seat", seat_index=seat)
    await players[0].until(lambda: "turn" in players[0].view, "the game begins")
    return players


async def _takes(players: list[Player], stones: int) -> None:
    """The player whose turn it is takes so many, or what is left, and everybody sees it."""
    view = players[0].view
    answer = await players[view["turn"]["seat_index"]].command(
        "act", move="take", stones=min(stones, view["game"]["stones"])
    )
    for player in players:
        await _sees(player, answer["seq"])


async def _sees(player: Player, seq: int) -> None:
    await player.until(lambda: player.seq >= seq, "it is seen")
