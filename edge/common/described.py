"""A metric as its reference shows it, and the families that Prometheus' client makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Kind = Literal["gauge", "counter", "histogram"]


class Described(NamedTuple):
    """Of a counter, Prometheus ends the name with `_total`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


def gauge(of: Described, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(of.name, of.meaning, value)


def gauges(of: Described, values: Mapping[str, float]) -> GaugeMetricFamily:
    """By its label."""
    family = GaugeMetricFamily(of.name, of.meaning, labels=of.labels)
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def counter(of: Described, value: float | None = None) -> CounterMetricFamily:
    """With labels, if it has any; then its values are added one by one."""
    return CounterMetricFamily(of.name, of.meaning, value, of.labels or None)
