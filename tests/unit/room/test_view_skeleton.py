"""Every view that a room shows, in random lives of it, has the skeleton that is published."""

from __future__ import annotations

import random

import msgspec
import pytest
from msgspec import UNSET

from kit.room_script import ONLOOKER, PEOPLE, Script, opened, steps
from kit.rooms import info
from tavola.actors.room.view import whole
from tavola.actors.wire.commands import UserId
from tavola.actors.wire.settings import CommonSettings
from tavola.actors.wire.view import MePart, RoomPart, SeatPart, ViewSkeleton
from tavola.games.base import SeatIndex

LIVES = 12
PARTS = {
    "room", "game", "seats", "spectators", "watching", "deferred", "turn", "me", "pending_requests", "members",
    "host_controls", "reservations", "turns", "offer",
}  # fmt: skip


@pytest.mark.parametrize("game", ["holdem", "tictactoe", "auction", "hearts"])
def test_every_view_has_the_skeleton(game: str) -> None:
    seen: set[str] = set()
    for seed in range(LIVES):
        happens = random.Random(seed).randbytes(120)
        kept = {UserId("u1"): SeatIndex(1)} if seed % 3 == 0 else UNSET
        script = Script(info(game, approval=("host", "auto")[seed % 2], reserved=kept), 4, happens)
        for step in steps(script, opened(script)):
            for user in (*PEOPLE, ONLOOKER):
                view = whole(step.after, UserId(user))
                assert msgspec.convert(view, ViewSkeleton).misplaced() is None
                assert view.keys() <= PARTS, "the skeleton names every part"
                seen |= view.keys() | {f"me.{name}" for name in view["me"]}
                seen |= {f"seat.{name}" for seat in view.get("seats", {}).values() for name in seat}
    assert set(ViewSkeleton.__struct_fields__) == PARTS
    assert seen & PARTS == PARTS - {"offer"} - ({"turns"} if game not in ("auction", "hearts") else set()), (
        "offers: test_offers"
    )
    assert {f"me.{name}" for name in MePart.__struct_fields__} - {"me.offers"} <= seen
    assert {f"seat.{name}" for name in SeatPart.__struct_fields__} - {"seat.bot"} <= seen, "bots: test_bots"


def test_every_setting_is_shown_with_the_room() -> None:
    shown = {field.name: field.type for field in msgspec.structs.fields(RoomPart)}
    settings = {field.name: field.type for field in msgspec.structs.fields(CommonSettings)}
    assert settings.items() <= shown.items()
