"""Traces of one process: there are none, or some, or what they need is not installed."""

from __future__ import annotations

import sys

import pytest
from structlog.testing import capture_logs

from tavola.config.settings import Settings
from tavola.config.spans import endpoint_of
from tavola.config.traces import tracer_of

COLLECTOR = "http://127.0.0.1:9"


def test_where_no_collector_is_named_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAVOLA_TRACES", raising=False)
    assert tracer_of(Settings(), "edge", "e") is None


def test_a_node_without_the_extra_plays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(TAVOLA_TRACES=COLLECTOR)
    monkeypatch.setitem(sys.modules, "tavola.config.spans", None)
    with capture_logs() as said:
        assert tracer_of(settings, "room-actor", "a") is None
    assert [line["event"] for line in said] == ["traces.not_installed"]


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector/", "https://collector/v1/traces"),
        ("https://vendor.example/otlp/v1/traces", "https://vendor.example/otlp/v1/traces"),
    ],
)
def test_a_url_without_a_path_is_given_one(url: str, endpoint: str) -> None:
    assert endpoint_of(url) == endpoint
