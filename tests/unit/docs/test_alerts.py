"""docs/deploy/alerts.yaml and grafana.json ask for metrics and labels that edges have; each alert can fire, and names
a section of the runbook."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from kit.examples import ROOT
from tavola.actors.wire.commands import STATUS
from tavola.edge.common.metrics import METRICS

DEPLOY = ROOT / "docs" / "deploy"
PROMTOOL = shutil.which("promtool")
ENDINGS = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
SERIES = {
    f"{each.name}{ending}": {*each.labels, *(("le",) if ending == "_bucket" else ())}
    for each in METRICS
    for ending in ENDINGS[each.kind]
}
"""As Prometheus has them, with their labels."""
OF_THE_TARGET = {"instance", "job"}
REASONS = {"full", "restarts", "origin", "banned"}
EVENTS = tomllib.loads((ROOT / "docs" / "log-events.toml").read_text()).keys()
QUEUES = {"load", "commit", "committing", "view", "refusal", "storage", "answer", "search"}
VALUES = {"queue": QUEUES, "outcome": {"done", *STATUS}, "reason": REASONS, "event": {*EVENTS, "game.*"}}
"""The values that a label may have, where there are few."""
SELECTED = re.compile(r"\b(tavola_\w+|up)\b(?:\{([^}]*)\})?")
MATCHED = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|without|on)\s*\(([^)]*)\)")


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    return [each for each in found if each["type"] != "row"]


def wrong(expression: str) -> Iterator[str]:
    """Names in it that no edge has: of metrics, of their labels, of labels' values."""
    known = set(OF_THE_TARGET)
    for name, matchers in SELECTED.findall(expression):
        if name != "up" and name not in SERIES:
            yield name
        labels = OF_THE_TARGET | SERIES.get(name, set())
        known |= labels
        for label, value in MATCHED.findall(matchers):
            if label not in labels:
                yield f"{name}{{{label}}}"
            if not {*value.split("|")} <= VALUES.get(label, {*value.split("|")}):
                yield f'{name}{{{label}="{value}"}}'
    for group in GROUPED.findall(expression):
        yield from ({label.strip() for label in group.split(",")} - known)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    assert SELECTED.search(rule["expr"])
    assert list(wrong(rule["expr"])) == []
    shown = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
    labels = {label for name, _ in SELECTED.findall(rule["expr"]) for label in SERIES.get(name, set())}
    assert set(shown) <= labels | OF_THE_TARGET
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "reason", "runbook_url"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_its_section_of_the_runbook_is_there(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: str(panel["title"]))
def test_a_panel_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert SELECTED.search(target["expr"])
        assert list(wrong(target["expr"])) == []
    assert panel["description"]


def test_the_panels_are_apart() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()}
    assert len(places) == len(panels())


@pytest.mark.parametrize(
    "expression",
    [
        "tavola_nothing",
        "tavola_commands",
        'tavola_sockets{outcome="done"}',
        'rate(tavola_commands_total{outcome="no_such_code"}[1m])',
        "sum by (game) (tavola_sockets)",
        "max by (le) (rate(tavola_commit_seconds_sum[5m]))",
    ],
)
def test_another_name_is_found(expression: str) -> None:
    assert list(wrong(expression))


GROWS, STANDS = "0+15x240", "1+0x240"
FIRES: dict[str, dict[str, str]] = {
    "TavolaNoEdge": {'up{job="tavola"}': "0x240"},
    "TavolaEdgeDown": {'up{job="tavola",instance="a"}': "0x240"},
    "TavolaMovesNotStored": {'tavola_commands_total{command="act",outcome="storage_unavailable"}': GROWS},
    "TavolaRoomsUnavailable": {'tavola_commands_total{command="act",outcome="room_unavailable"}': GROWS},
    "TavolaOverloaded": {'tavola_commands_total{command="act",outcome="overloaded"}': GROWS},
    "TavolaAnswersSlow": {
        f'tavola_answer_seconds_bucket{{le="{le}"}}': values
        for le, values in (("0.25", "0x240"), ("0.5", GROWS), ("+Inf", GROWS))
    },
    "TavolaCommitsSlow": {
        f'tavola_commit_seconds_bucket{{game="g",le="{le}"}}': values
        for le, values in (("0.1", "0x240"), ("0.25", GROWS), ("+Inf", GROWS))
    },
    "TavolaHistoryLost": {"tavola_histories_lost_total": GROWS},
    "TavolaRoomsUnreadable": {'tavola_rooms_unreadable{answered="corrupted_state"}': STANDS},
    "TavolaRedisAway": {'tavola_redis_up{link="board",instance="a"}': "0x240"},
    "TavolaRedisForged": {"tavola_redis_not_opened_total": GROWS},
    "TavolaDiskFillsSoon": {"tavola_disk_full_days": "10x240"},
    "TavolaDiskAlmostFull": {"tavola_disk_free_bytes": "1e9x240"},
    "TavolaEdgesFull": {'tavola_sockets_refused_total{reason="full"}': GROWS},
    "TavolaEdgeFills": {"tavola_sockets": "15000x240"},
    "TavolaRateLimited": {'tavola_commands_total{command="act",outcome="rate_limited"}': GROWS},
    "TavolaGameFails": {'tavola_deployment_events_total{part="actor",event="game.failed"}': f"{'_ ' * 230}1x9"},
    "TavolaActorsSilent": {'tavola_actors{state="silent"}': STANDS},
    "TavolaRayAway": {"tavola_ray_up": "0x240"},
    "TavolaTakeOvers": {'tavola_events_total{event="room.take_over"}': GROWS},
    "TavolaPostgresWaitedFor": {"tavola_postgres_wait_seconds_total": "0+30x240"},
    "TavolaActorsWithoutRedis": {"tavola_actors_without_redis": STANDS},
    "TavolaActorsBehind": {'tavola_actor_queue_longest{queue="commit"}': "5000x240"},
    "TavolaErrorsOfOurs": {'tavola_events_total{level="error",event="socket.work_failed"}': GROWS},
}
"""Alert → what makes it fire within an hour, a sample every 15 s. One has nothing against another."""
WELL = {
    'up{job="tavola"}': STANDS,
    "tavola_sockets": "1000x240",
    'tavola_commands_total{command="act",outcome="done"}': GROWS,
    'tavola_answer_seconds_bucket{le="0.01"}': GROWS,
    'tavola_answer_seconds_bucket{le="+Inf"}': GROWS,
    'tavola_redis_up{link="board"}': STANDS,
    'tavola_rooms_unreadable{answered="corrupted_state"}': "0x240",
    "tavola_histories_lost_total": "0x240",
    "tavola_postgres_wait_seconds_total": "0+0.1x240",
    "tavola_actors_without_redis": "0x240",
    'tavola_actor_queue_longest{queue="commit"}': "20x240",
    "tavola_disk_full_days": "400x240",
    "tavola_ray_up": STANDS,
}


def told(series: dict[str, str], expression: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": "59m", "exp_samples": samples}],
    }


def test_promtool_takes_the_files_and_every_alert_fires(tmp_path: Path) -> None:
    if PROMTOOL is None:
        pytest.skip("no promtool on this machine (Debian has it in the package prometheus)")
    assert FIRES.keys() == {rule["alert"] for rule in rules()}
    fired = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in FIRES]
    series = {name: values for each in FIRES.values() for name, values in each.items()}
    tests = [told(series, 'group by (alertname) (ALERTS{alertstate="firing"})', fired), told(WELL, "ALERTS", [])]
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": [str(DEPLOY / "alerts.yaml")], "evaluation_interval": "15s", "tests": tests})
    )
    for arguments in (
        ("check", "rules", DEPLOY / "alerts.yaml"),
        ("check", "config", DEPLOY / "prometheus.yaml"),
        ("test", "rules", tmp_path / "tests.yaml"),
    ):
        done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
