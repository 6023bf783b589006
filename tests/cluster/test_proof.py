"""The shortest proof in the lab: one host is lost under play, and all is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.lab import why_not
from cluster.proof import main

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}"),
    pytest.mark.long,
    pytest.mark.timeout(600),
]


def test_a_worker_without_power(tmp_path: Path) -> None:
    report = tmp_path / "cluster.html"
    assert main(["worker-power=1", "--tables", "6", "--report", str(report)]) == 0
    told = report.read_text()
    assert "Every promise was kept" in told
    assert "lost its power" in told
