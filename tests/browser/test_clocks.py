"""How the page says what is left of a player's own time: clock.js by itself, under node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CLOCK = Path(__file__).parents[2] / "edge" / "static" / "app" / "clock.js"
NODE = shutil.which("node")
SAY = "import { remaining } from %s; console.log(JSON.stringify(%s.map((left) => remaining(left, %s))))"
BYO_YOMI = {"kind": "byo_yomi", "main_ms": 60_000, "periods": 3, "period_ms": 30_000}


@pytest.mark.skipif(NODE is None, reason="no node on this machine")
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"kind": "fischer", "base_ms": 60_000, "increment_ms": 0},
            {0: "0:00", 1: "0:01", 59_999: "1:00", 3_599_000: "59:59", 3_600_000: "1:00:00", 259_200_000: "3 d 0 h"},
        ),
        (
            BYO_YOMI,
            {
                150_000: "1:00 + 3 \u00d7 0:30",
                90_001: "0:01 + 3 \u00d7 0:30",
                90_000: "0:30 (3)",
                60_000: "0:30 (2)",
                0: "0:00 (0)",
            },
        ),
    ],
    ids=lambda each: each.get("kind", ""),
)
def test_what_is_left_is_said_in_words(rule: dict[str, Any], said: dict[int, str]) -> None:
    script = SAY % (json.dumps(CLOCK.as_uri()), json.dumps([*said]), json.dumps(rule))
    told = subprocess.run([NODE or "", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == [*said.values()]
