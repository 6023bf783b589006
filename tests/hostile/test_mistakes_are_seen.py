"""A game's mistake in a running stack: its author sees it in the terminal of `tavola dev`, and in its logs, without
anything of what the players hold; the player is told whose mistake it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.broken import NAMES, SECRET
from kit.client import Api, Player
from kit.stack import Stack, until
from kit.table import open_room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]
TESTS = Path(__file__).parents[1]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Where broken games can be played."""
    made = Stack(tmp_path / "data", TAVOLA_GAMES=NAMES, TAVOLA_GAMES_PATH=str(TESTS))
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_a_mistake_is_seen_where_the_author_looks(stack: Stack) -> None:
    async with Api(stack.urls[0]) as api, stack.truth() as truth:
        who = [await api.sign_in(name) for name in ("Ada", "Ben")]
        room = await open_room(api, who[0], "broken", auto_start=False)
        await api.ok("POST", f"/api/rooms/{room}/join", who[1], {"display_name": "Ben"})
        players = [Player(each, room) for each in who]
        for seat, player in enumerate(players):
            await player.follow(stack.urls[0])
            await player.command("take_seat", seat_index=seat)
        started = await players[0].command("start")
        await players[0].until(lambda: players[0].seq >= started["seq"], "started")
        refused = await players[0].first_answer(players[0].send("act", move="mark", cell=8))
        assert (refused["type"], refused["code"]) == ("error", "game_error")
        assert "retry_after_ms" not in refused
        by_rest = await api.request("POST", f"/api/rooms/{room}/actions", who[0], {"move": "mark", "cell": 8})
        assert (by_rest.status_code, by_rest.json()["error"]["code"]) == (500, "game_error")
        actor = (await truth.owner(room)).pid

        logged = stack.folder / "logs" / "games.log"
        await until(lambda: "game.failed" in stack.output.read_text(), "it is told in the terminal")
        for told in (stack.output.read_text(), logged.read_text(), stack.said_by(actor)):
            assert room in told
            assert f"seq={started['seq']}" in told
            assert "tests/kit/broken.py" in told
            assert "raise ValueError(" in told, "the line of the source"
            assert "in play" in told
            assert SECRET not in told
            assert "State(" not in told
        assert stack.output.read_text().count("game.failed") == 1, "the same mistake is told now and then"
        assert logged.stat().st_mode & 0o077 == 0
        await players[0].command("act", move="mark", cell=4)
        for player in players:
            await player.leave()
