"""The references that are made from the code are up to date, and say something of everything that the code has."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tavola.actors.wire.ray_state import RayState
from tavola.config.settings import Settings
from tavola.edge.common.metrics import METRICS, FleetCount, Metrics, StoredBytes

DOCS = Path(__file__).parents[3] / "docs"
MAKER: dict[str, Any] = runpy.run_path(str(DOCS / "generate.py"))
PAGES: dict[Path, str] = MAKER["generated"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.name))
def test_it_is_what_the_code_makes(path: Path) -> None:
    assert path.read_text() == PAGES[path], "make docs"


def test_every_setting_says_what_it_means() -> None:
    assert set(Settings.model_fields) == MAKER["field_docstrings"]().keys()


def test_every_log_event_stands_in_the_table_and_no_other() -> None:
    calls = {call.event: call.file for call in MAKER["logged"]()}
    assert {"room.placed", "room.doubtful", "room.fenced", "edge.part_failed"} <= calls.keys(), "they are found"
    meanings = tomllib.loads((DOCS / "log-events.toml").read_text())
    assert {event: file for event, file in calls.items() if event not in meanings} == {}
    assert meanings.keys() - calls.keys() == set(), "nothing logs them"
    assert all(meanings.values())


@pytest.mark.parametrize("line", ['log.info("a.told", room=1)', 'log.warning("a.told" if x else "b.told")'])
def test_an_event_is_found_however_it_is_logged(line: str, tmp_path: Path) -> None:
    assert "a.told" in [call.event for call in _logged(f"log = structlog.get_logger()\n{line}\n", tmp_path)]


def test_an_event_whose_name_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="constant"):
        _logged("log = structlog.get_logger()\nlog.info(name)\n", tmp_path)


def _logged(source: str, folder: Path) -> list[Any]:
    (folder / "actors").mkdir()
    (folder / "actors" / "told.py").write_text(source)
    return list(MAKER["logged"](folder))


def test_an_edge_tells_prometheus_of_the_metrics_in_the_table() -> None:
    def number() -> int:
        return 0

    metrics = Metrics(number, number, number, number, dict)
    metrics.grown(StoredBytes([("log", 1, 1)], (1, 1), 1, 1.0))
    metrics.counted(FleetCount({}, {}, 0, ray=RayState({}, {}, {}, {}, 0.0)))
    told = [(each.name, each.type, each.documentation) for each in metrics.collect()]
    assert told == [(each.name, each.kind, each.meaning) for each in METRICS]
