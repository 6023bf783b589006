"""The turn that a client answers: the one that runs, or where several are to act at once one's own."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec
import pytest

from tavola.client.frames import LeanPatch
from tavola.client.view import FullView, LeanView

FIRST, OWN, LATER = ({"number": number, "seat_index": seat} for number, seat in ((3, 0), (3, 2), (4, 2)))


@pytest.fixture(params=["full", "lean"])
def merged(request: pytest.FixtureRequest) -> Any:
    """The turn that a view says after a whole view and each of these patches."""

    def merge(view: dict[str, Any], *patches: dict[str, Any]) -> list[tuple[int | None, int | None]]:
        said = []
        if request.param == "full":
            full = FullView()
            full.replace(deepcopy(view))
            said.append((full.turn_number, full.turn_seat))
            for patch in patches:
                full.merge(patch)
                said.append((full.turn_number, full.turn_seat))
            return said
        lean = LeanView()
        lean.replace(msgspec.convert(view, LeanPatch))
        said.append((lean.turn_number, lean.turn_seat))
        for patch in patches:
            lean.merge(msgspec.convert(patch, LeanPatch))
            said.append((lean.turn_number, lean.turn_seat))
        return said

    return merge


def test_of_one_turn_it_is_that_whoever_has_it(merged: Any) -> None:
    said = merged({"me": {"seat_index": 2}, "turn": FIRST}, {"turn": {"number": 4}}, {"turn": None}, {"turn": LATER})
    assert said == [(3, 0), (4, 0), (None, None), (4, 2)]


def test_of_several_it_is_ones_own_while_one_has_to_choose(merged: Any) -> None:
    said = merged(
        {"me": {"seat_index": 2}, "turn": FIRST, "turns": [FIRST, OWN]},
        {"turns": [FIRST, {"number": 3, "seat_index": 1}]},
        {"turns": [FIRST, LATER]},
        {"turns": None},
        {"turn": None},
    )
    assert said == [(3, 2), (3, 0), (4, 2), (3, 0), (None, None)]


def test_who_watches_has_none_of_their_own(merged: Any) -> None:
    assert merged({"me": {}, "turn": FIRST, "turns": [FIRST, OWN]}) == [(3, 0)]
    assert merged({"me": {}, "turn": FIRST, "turns": [FIRST, OWN]}, {"me": {"seat_index": 2}})[-1] == (3, 2)
