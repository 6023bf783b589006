"""The forms that the plain table makes of `legal`: moves.js by itself, under node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MOVES = Path(__file__).parents[2] / "edge" / "static" / "app" / "moves.js"
NODE = shutil.which("node")
MAKE = "import { forms } from %s; console.log(JSON.stringify(forms(%s)))"


def forms(legal: list[dict[str, Any]]) -> list[dict[str, Any]]:
    script = MAKE % (json.dumps(MOVES.as_uri()), json.dumps(legal))
    told = subprocess.run([NODE or "", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    made: list[dict[str, Any]] = json.loads(told.stdout)
    return made


@pytest.mark.skipif(NODE is None, reason="no node on this machine")
def test_whole_moves_are_one_form_and_every_other_entry_is_one() -> None:
    stones = {"min": 1, "max": 5}
    made = forms([
        {"move": "go", "from": "e2", "to": "e3"},
        {"move": "go", "from": "e2", "to": "e4"},
        {"move": "take", "heap": 2, "stones": stones},
        {"move": "order", "text": {"choices": ["a"]}, "exact": False},
        {"move": "guess", "exact": {"choices": [1]}},
        {"move": "fold"},
    ])  # fmt: skip
    assert [form["move"] for form in made] == ["go", "take", "order", "guess", "fold"]
    go, take, order, guess, fold = made
    assert go["whole"] == [{"from": "e2", "to": "e3"}, {"from": "e2", "to": "e4"}]
    assert (take["fixed"], take["open"]) == ({"heap": 2}, {"stones": stones})
    assert order["open"] == {"text": {"choices": ["a"]}}, "whether it is exact is no argument"
    assert guess["open"] == {"exact": {"choices": [1]}}, "here it is one"
    assert (fold["fixed"], fold["open"], fold["whole"]) == ({}, {}, [{}])
