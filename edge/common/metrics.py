"""What Prometheus may know of an edge: every name is here. No user, no room and no secret is among the labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tavola.actors.wire.commands import ClientCommand, snake
from tavola.actors.wire.messages import Answer, Committed, Refusal
from tavola.actors.wire.refusals import NO_SERVER

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """Counted here by plain numbers, and told when asked: a command costs well under a microsecond."""

    def __init__(
        self,
        sockets: Callable[[], int],
        rooms: Callable[[], int],
        lost: Callable[[], int],
        not_opened: Callable[[], int],
    ) -> None:
        self._sockets = sockets
        self._rooms = rooms
        self._lost = lost
        self._not_opened = not_opened
        self._commands: dict[tuple[str, str], int] = {}
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answered(self, command: ClientCommand, answer: Answer, seconds: float) -> None:
        """A command was answered, so many seconds after it arrived: `done`, or with a refusal's code."""
        outcome = (
            "done" if isinstance(answer, Committed) else answer.code if isinstance(answer, Refusal) else NO_SERVER.code
        )
        key = (type(command).__name__, outcome)
        self._commands[key] = self._commands.get(key, 0) + 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    @property
    def commands(self) -> Iterator[tuple[str, str, int]]:
        """Each command by its outcomes, and how often: since the edge was started, like everything here."""
        return ((snake(name), outcome, count) for (name, outcome), count in self._commands.items())

    @property
    def seconds(self) -> float:
        """What all answers took, together."""
        return self._seconds

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("tavola_sockets", "Open WebSockets on this edge", self._sockets())
        yield GaugeMetricFamily("tavola_rooms_followed", "Rooms that somebody follows on this edge", self._rooms())
        yield CounterMetricFamily(
            "tavola_histories_lost", "Rooms whose database went back behind what was shown of them here", self._lost()
        )
        unsealed = "Messages in Redis that nobody of ours had sealed: ignored"
        yield CounterMetricFamily("tavola_redis_not_opened", unsealed, self._not_opened())
        commands = CounterMetricFamily("tavola_commands", "Commands answered", labels=["command", "outcome"])
        for name, outcome, count in self.commands:
            commands.add_metric([name, outcome], count)
        yield commands
        bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
        answers = HistogramMetricFamily("tavola_answer_seconds", "From a command's arrival at the edge to its answer")
        answers.add_metric([], list(zip(bounds, accumulate(self._buckets), strict=True)), self._seconds)
        yield answers

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
