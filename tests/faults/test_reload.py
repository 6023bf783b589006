"""`tavola dev --reload`: code that is saved is in the next round of a room that runs, never in the middle of one; where
it cannot be loaded, terminal and browser say why, and play goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.client import Api, Player
from kit.stack import Stack, until
from kit.table import open_room
from tavola.new import make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SHOWN = 'return {"stones": state.stones}'
AGAIN = "return 3000 if"


class Author:
    """Somebody with the code of the game in front of them."""

    def __init__(self, folder: Path) -> None:
        make("nim", folder)
        self._file = folder / "nim" / "game.py"
        self._first = self._file.read_text().replace(AGAIN, "return 200 if")

    def saves(self, rules: int, also: str = "") -> None:
        """A version that says in the view which it is. All have the same size, and may be saved in the same second."""
        text = self._first.replace(SHOWN, f'return {{"stones": state.stones, "rules": {rules}}}')
        assert text != self._first
        self._file.write_text(text + also)


@pytest.fixture
def author(tmp_path: Path) -> Author:
    made = Author(tmp_path / "nim")
    made.saves(1)
    return made


@pytest.fixture
def stack(author: Author, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(
        tmp_path / "data",
        TAVOLA_GAMES="nim.game:Nim",
        TAVOLA_GAMES_PATH=str(tmp_path / "nim"),
        TAVOLA_GAMES_RELOAD="true",
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_saved_code_is_in_the_next_round(stack: Stack, author: Author) -> None:
    async with Api(stack.urls[0]) as api, stack.truth() as truth:
        who = [await api.sign_in(name) for name in ("Ada", "Ben")]
        room = await open_room(api, who[0], "nim")
        await api.ok("POST", f"/api/rooms/{room}/join", who[1], {"display_name": "Ben"})
        players = [Player(each, room) for each in who]
        for seat, player in enumerate(players):
            await player.follow(stack.urls[0])
            await player.command("take_seat", seat_index=seat)
        table = Rounds(players)
        await table.runs()
        assert table.rules == {1}
        actor = await truth.owner(room)

        author.saves(2)
        took = await _taken(api, 1)
        await until(lambda: stack.output.read_text().count("saved: in the next round") == 1, "the terminal says so")
        await table.take(3)
        assert table.rules == {1}, "never in the middle of a round"
        await table.end()
        await table.runs()
        await table.shows(2)
        assert (await truth.owner(room)).pid == actor.pid, "in the same process"
        print(f"the edge had it after {took:.2f} s")

        author.saves(3, "\nnot_defined\n")
        await until(lambda: "NameError: name 'not_defined' is not defined" in stack.output.read_text(), "the terminal")
        await until(lambda: _fault_is_shown(api), "the browser")
        await table.end()
        await table.runs()
        assert table.rules == {2}, "play goes on with the code of before"

        author.saves(4)
        await _taken(api, 2)
        await table.end()
        await table.runs()
        await table.shows(4)
        assert (await api.request("GET", "/dev/games")).json() == {"taken": 2}
        for player in players:
            assert player.faults == []
            await player.leave()


async def test_the_page_shows_what_is_wrong_only_then(stack: Stack) -> None:
    async with Api(stack.urls[0]) as api:
        page = (await api.request("GET", "/")).text
        assert '<script type="module" src="/static/reload.js"></script>' in page


class Rounds:
    """The table, round by round."""

    def __init__(self, players: list[Player]) -> None:
        self._players = players
        self._number = 0

    @property
    def rules(self) -> set[int]:
        return {player.view["game"]["rules"] for player in self._players}

    async def runs(self) -> None:
        """The next round has begun for everybody."""
        self._number += 1
        for player in self._players:
            await self._sees(player)

    async def _sees(self, player: Player) -> None:
        number = self._number
        await player.until(lambda: self._begun(player) >= number and "turn" in player.view, f"round {number} begins")

    def _begun(self, player: Player) -> int:
        return sum(event["kind"] == "game_started" for event in player.events)

    async def shows(self, rules: int) -> None:
        """This round, and no later one, is shown to everybody by that version."""
        for player in self._players:
            await _shown_by(player, rules)
            assert self._begun(player) == self._number

    async def take(self, stones: int) -> None:
        view = self._players[0].view
        player = self._players[view["turn"]["seat_index"]]
        answer = await player.command("act", move="take", stones=min(stones, view["game"]["stones"]))
        for each in self._players:
            await _caught_up(each, answer["seq"])

    async def end(self) -> None:
        """Play this round to its end."""
        while sum(event["kind"] == "game_complete" for event in self._players[0].events) < self._number:
            await self.take(3)


async def _shown_by(player: Player, rules: int) -> None:
    await player.until(lambda: player.view["game"].get("rules") == rules, f"version {rules} is shown")


async def _caught_up(player: Player, seq: int) -> None:
    await player.until(lambda: player.seq >= seq, "it is seen")


async def _taken(api: Api, times: int) -> float:
    """Seconds until an edge has taken what was saved."""
    began = time.monotonic()

    async def taken() -> bool:
        return bool((await api.request("GET", "/dev/games")).json()["taken"] >= times)

    await until(taken, "an edge has it")
    return time.monotonic() - began


async def _fault_is_shown(api: Api) -> bool:
    told = (await api.request("GET", "/dev/games")).json()
    return "NameError: name 'not_defined' is not defined" in told.get("fault", "")
