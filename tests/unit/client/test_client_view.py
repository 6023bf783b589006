"""The lean view says the same as the full one, whatever patches come."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tavola.client.frames import LeanPatch
from tavola.client.view import FullView, LeanView

seat_numbers = st.integers(0, 2)
turns = st.none() | st.fixed_dictionaries({}, optional={"number": st.integers(1, 9), "seat_index": seat_numbers})
whole_turns = st.fixed_dictionaries(
    {"number": st.integers(1, 9), "seat_index": seat_numbers, "deadline_ms": st.just(1)}
)
seats = st.none() | st.fixed_dictionaries(
    {}, optional={"chips": st.integers(0, 1), "in_hand": st.booleans(), "hole_cards": st.none() | st.just(["??", "??"])}
)
mine = st.fixed_dictionaries(
    {},
    optional={"seat_index": st.none() | seat_numbers, "legal": st.lists(st.just({"move": "fold"})), "role": st.text()},
)
patches = st.fixed_dictionaries(
    {"game": st.just({"pot": 1})},
    optional={
        "turn": turns,
        "me": st.none() | mine,
        "seats": st.none() | st.dictionaries(seat_numbers.map(str), seats),
    },
)
views = st.fixed_dictionaries(
    {"turn": st.none() | whole_turns, "me": mine, "seats": st.dictionaries(seat_numbers.map(str), seats.filter(bool))}
)


@given(views, st.lists(patches))
def test_both_depths_agree(view: Any, changes: list[Any]) -> None:
    full, lean = FullView(), LeanView()
    full.replace(msgspec.json.decode(msgspec.json.encode(view)))
    lean.replace(msgspec.convert(view, LeanPatch))
    for patch in changes:
        if (patch.get("turn") or {}).keys() != {"number", "seat_index"} and not full.data.get("turn"):
            patch = {name: value for name, value in patch.items() if name != "turn"}  # a new turn is whole
        full.merge(patch)
        lean.merge(msgspec.convert(patch, LeanPatch))
        for name in ("turn_number", "turn_seat", "my_seat", "legal", "my_chips", "busted"):
            assert getattr(full, name) == getattr(lean, name), name
