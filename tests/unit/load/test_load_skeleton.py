"""A view in which something is missing, wrongly typed or for somebody else is found; more than is known is let pass."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tavola.client.frames import Json
from tavola.client.merge import merge
from tavola.load.checks.skeleton import Skeleton
from tavola.load.checks.verdict import APART, CheckRecorder, Verdict


def view(**patch: Any) -> Json:
    """A host's view, in whose game there is more than every game has; and `patch` merged into it."""
    base: Json = {
        "seq": 7, "epoch": 3, "at": 1760000000000, "stale": False,
        "room": {
            "id": "r_1", "code": "ABCDEFGHIJ", "name": "Ann's table", "game": "holdem", "status": "playing",
            "host_id": "ann", "approval": "auto", "visibility": "public", "options": {"seats": 2}, "players": 2,
            "max_players": 2, "max_spectators": 100, "empty_minutes": 0,
        },
        "game": {"id": "r_1.1", "number": 1, "hand": {"number": 1, "board": ["2c"]}},
        "seats": {
            "0": {"seat_index": 0, "user_id": "ann", "display_name": "Ann", "status": "active", "chips": 990},
            "1": {"seat_index": 1, "user_id": "bob", "display_name": "Bob", "status": "away", "chips": 1010},
        },
        "spectators": 0,
        "watching": {},
        "turn": {"number": 4, "seat_index": 0, "deadline_ms": 1760000020000, "timebank_ms": 30000},
        "me": {
            "user_id": "ann", "role": "player", "is_host": True, "legal": [{"move": "fold"}], "seat_index": 0,
            "display_name": "Ann", "hole_cards": ["As", "Ad"], "rejoin_token": "t",
        },
        "pending_requests": [{"user_id": "eve", "display_name": "Eve", "requested_at": 1760000000000}],
        "members": {"ann": {"display_name": "Ann", "standing": "approved", "since": 1, "status": "active"}},
        "host_controls": dict.fromkeys(
            (
                "can_start", "can_pause", "can_resume", "can_kick", "can_transfer", "can_adjust_chips",
                "can_update_settings", "can_close",
            ),
            False,
        ),
        "recent": [{"seq": 7, "epoch": 3, "at": 1760000000000, "events": [{"kind": "turn_started"}]}],
    }  # fmt: skip
    merged: Json = merge(base, patch)
    return merged


class Bot:
    def __init__(self) -> None:
        self.verdict = Verdict()
        self.skeleton = Skeleton(CheckRecorder(self.verdict, "r_1", "Bot 0.0"))

    @property
    def told(self) -> list[str]:
        return [f"{each.check} at {each.seq}: {each.message}" for each in self.verdict.violations]


def judged(shown: Json) -> list[str]:
    """The findings on a whole view are alike by either door."""
    socket, rest = Bot(), Bot()
    socket.skeleton.hydrated(7, shown)
    rest.skeleton.fetched(7, msgspec.json.encode(shown))
    assert socket.told == rest.told
    assert socket.verdict.made["skeleton"] == 1
    return [each.removeprefix("skeleton at 7: expected a view as it is published; ") for each in socket.told]


OUTSIDE: Json = {
    **dict.fromkeys(
        ("game", "seats", "spectators", "watching", "turn", "pending_requests", "members", "host_controls")
    ),
    "me": {"role": "guest", "is_host": False, "seat_index": None, "display_name": None, "legal": []},
}


@pytest.mark.parametrize(
    "patch",
    [
        {},
        {"turn": None},
        {"seats": {"0": None}},
        {"weather": "fine", "room": {"weather": "fine"}, "turn": {"weather": None}, "host_controls": {"can_fly": True}},
        OUTSIDE,
    ],
    ids=["a host's", "while nobody is to act", "with a free seat", "of a newer server", "from outside"],
)
def test_a_view_as_it_is_published(patch: Json) -> None:
    assert judged(view(**patch)) == []


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({"room": None}, "Object missing required field `room`"),
        ({"room": {"code": None}}, "Object missing required field `code` - at `$.room`"),
        ({"room": {"status": "merry"}}, "Invalid enum value 'merry' - at `$.room.status`"),
        ({"room": {"players": "2"}}, "Expected `int`, got `str` - at `$.room.players`"),
        ({"me": {"legal": None}}, "Object missing required field `legal` - at `$.me`"),
        ({"me": {"legal": [{"moves": "fold"}]}}, "Object missing required field `move` - at `$.me.legal[0]`"),
        ({"seats": {"1": {"user_id": None}}}, "Object missing required field `user_id` - at `$.seats[...]`"),
        ({"turn": {"deadline_ms": 0.5}}, "Expected `int`, got `float` - at `$.turn.deadline_ms`"),
        ({"host_controls": {"can_kick": None}}, "Object missing required field `can_kick` - at `$.host_controls`"),
        ({"stale": None}, "Object missing required field `stale`"),
        ({"recent": [{"seq": 7, "epoch": 3, "at": 1}]}, "Object missing required field `events` - at `$.recent[0]`"),
        ({"seats": None}, "found no `seats` in the view of a player, who is the host"),
        ({"host_controls": None}, "found no `host_controls` in the view of a player, who is the host"),
        ({"me": {"is_host": False}}, "found a `pending_requests` in the view of a player"),
        ({**OUTSIDE, "seats": {}}, "found a `seats` in the view of a guest"),
        ({**OUTSIDE, "turn": {"seat_index": 0}}, "found a `turn` in the view of a guest"),
    ],
)
def test_what_is_wrong_is_found_where_it_is(patch: Json, told: str) -> None:
    patched = {**view(**patch)}
    if patch.get("seats") == {}:
        patched["seats"] = {}
    assert judged(patched) == [told]


def test_a_null_is_found() -> None:
    """A field that would be null is left out."""
    assert judged({**view(), "turn": None}) == ["Expected `object`, got `null` - at `$.turn`"]


def test_a_merged_view_is_judged_without_what_was_said_of_its_making() -> None:
    bot = Bot()
    held = {name: value for name, value in view().items() if name not in APART}
    assert held.keys() == view().keys() - {"seq", "epoch", "at", "stale", "recent"}
    bot.skeleton.merged(8, held)
    assert bot.told == []


def test_a_mistake_that_stays_is_told_once() -> None:
    bot = Bot()
    held = view()
    for seq, patch in enumerate(({"spectators": None}, {"turn": {"number": 5}}, {"spectators": 1}, {"me": None}), 8):
        bot.skeleton.merged(seq, merge(held, patch))
    assert bot.verdict.made["skeleton"] == 4
    assert bot.told == [
        "skeleton at 8: expected a view as it is published; "
        "found no `spectators` in the view of a player, who is the host",
        "skeleton at 11: expected a view as it is published; Object missing required field `me`",
    ]
