"""A bot answers what it is offered: a person who plays against it need not wait for its next move."""

from __future__ import annotations

from typing import Any

import pytest

from kit.client import Api, Player
from kit.stack import Stack
from kit.table import open_room

pytest.importorskip("chess")
pytestmark = [pytest.mark.slow]


async def test_it_lets_a_move_be_taken_back_and_plays_on_where_a_draw_is_offered(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        host = await api.sign_in("Ada")
        ada = Player(host, await open_room(api, host, "chess"))
        try:
            await ada.follow(url)
            await ada.command("take_seat", seat_index=0)
            await ada.command("add_bot", seat_index=1)
            before = await _turn(ada)
            await _moves(ada)
            await _turn(ada)
            await ada.command("request_undo")
            assert (await ada.until(lambda: _ended(ada, "undo"), "an answer"))["reason"] == "accepted"
            await ada.until(lambda: ada.view["game"]["fen"] == before, "both moves are taken back")
            await _moves(ada)
            await _turn(ada)
            await ada.command("offer_draw")
            assert (await ada.until(lambda: _ended(ada, "draw"), "an answer"))["reason"] == "declined"
        finally:
            await ada.leave()


async def _turn(player: Player) -> str:
    """The board, when it is theirs."""
    await player.until(lambda: player.view["me"]["legal"], "their turn")
    fen: str = player.view["game"]["fen"]
    return fen


async def _moves(player: Player) -> None:
    legal = next(entry for entry in player.view["me"]["legal"] if entry["move"] == "go")
    fen = player.view["game"]["fen"]
    await player.command("act", **legal)
    await player.until(lambda: player.view["game"]["fen"] != fen and not player.view["me"]["legal"], "it is made")


def _ended(player: Player, offer: str) -> Any:
    found = (each for each in reversed(player.events) if each["kind"] == "offer_ended" and each["offer"] == offer)
    return next(found, None)
