"""The metrics of an edge for Prometheus, with those of `queues`: every name is here. No user, no room and no secret is
among the labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tavola.actors.wire.commands import ClientCommand, RollBack, snake
from tavola.actors.wire.messages import Answer, Committed, Refusal
from tavola.actors.wire.ray_state import RayState
from tavola.actors.wire.refusals import NO_SERVER
from tavola.config.logs import COUNTED
from tavola.edge.common import ray_metrics
from tavola.edge.common.described import Described, counter, gauge, gauges
from tavola.edge.common.queues import EVERYWHERE, HERE, ActorQueues, EdgeQueues
from tavola.edge.common.ray_metrics import RAYS

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LinkState = tuple[bool, int, int, int]
"""Whether a link is up, how often it was lost, how much was dropped, how many bytes wait."""
SOCKETS = Described("tavola_sockets", "gauge", "Open WebSockets on this edge")
ROOMS = Described("tavola_rooms_followed", "gauge", "Rooms that somebody follows on this edge")
LOST = Described(
    "tavola_histories_lost", "counter", "Rooms whose database went back behind what was shown of them here"
)
UNREADABLE = Described(
    "tavola_rooms_unreadable", "gauge", "Rooms of the deployment that could not be read lately", ("answered",)
)
UNSEALED = Described("tavola_redis_not_opened", "counter", "Messages in Redis that nobody of ours had sealed: ignored")
REFUSED = Described("tavola_sockets_refused", "counter", "WebSockets that this edge did not take", ("reason",))
REDIS_UP = Described("tavola_redis_up", "gauge", "Whether this edge's link to Redis is up: 1, else 0", ("link",))
REDIS_LOST = Described("tavola_redis_lost", "counter", "How often a link to Redis that was up was lost", ("link",))
REDIS_DROPPED = Described(
    "tavola_redis_dropped", "counter", "Messages that were not written on a link, because Redis was away", ("link",)
)
REDIS_WAITING = Described(
    "tavola_redis_unsent_bytes", "gauge", "Bytes on a link that Redis has not read yet", ("link",)
)
TABLES = Described("tavola_table_bytes", "gauge", "A table and its indexes, as the steward measured it", ("table",))
TABLES_GROWN = Described("tavola_table_growth_bytes", "gauge", "By how much it grew in a day", ("table",))
DATABASE = Described("tavola_database_bytes", "gauge", "The whole database")
DATABASE_GROWN = Described("tavola_database_growth_bytes", "gauge", "By how much it grew in a day")
FREE = Described("tavola_disk_free_bytes", "gauge", "Left on Postgres's disk; not there when not known")
FULL = Described("tavola_disk_full_days", "gauge", "Days until it is full, as it grows now; not there when it does not")
COMMANDS = Described("tavola_commands", "counter", "Commands answered", ("command", "outcome"))
ANSWERS = Described("tavola_answer_seconds", "histogram", "From a command's arrival at the edge to its answer")
COMMITS = Described(
    "tavola_commit_seconds",
    "histogram",
    "A commit in Postgres; one that has moves of two games counts for both",
    ("game",),
)
LOADS = Described(
    "tavola_room_load_seconds", "histogram", "From when a room was asked for to when its actor had it", ("game",)
)
ROWS = Described(
    "tavola_log_rows", "counter", "Rows that were committed to the log: moves and everything else", ("game",)
)
BYTES = Described("tavola_log_bytes", "counter", "The bytes of those rows, as they are packed", ("game",))
REPLAYS = Described(
    "tavola_room_replays", "counter", "Rooms that could not be read and were replayed from a checkpoint", ("game",)
)
REPAIRS = Described("tavola_room_repairs", "counter", "Those of them that this has put right", ("game",))
EVENTS = Described("tavola_events", "counter", "Events that this edge logged", ("level", "event"))
OTHERS_EVENTS = Described(
    "tavola_deployment_events", "counter", "Events that all room actors and stewards logged", ("part", "level", "event")
)
SPANS = Described(
    "tavola_spans", "counter", "Spans of traces by this edge: sent to the collector, or lost", ("outcome",)
)
ALL_ROOMS = Described("tavola_rooms", "gauge", "Rooms that are stored", ("status",))
ACTORS = Described("tavola_actors", "gauge", "Room actors, by what they do or fail to do", ("state",))
FREE_PLACES = Described("tavola_actor_places_free", "gauge", "Rooms that living actors could still take")
FLEET = (ALL_ROOMS, ACTORS, FREE_PLACES, *EVERYWHERE, *RAYS)
PERSISTENCE = (COMMITS, LOADS, ROWS, BYTES, REPLAYS, REPAIRS)
GROWTH = (TABLES, TABLES_GROWN, DATABASE, DATABASE_GROWN, FREE, FULL)
LINKS = (REDIS_UP, REDIS_LOST, REDIS_DROPPED, REDIS_WAITING)
METRICS = (
    SOCKETS,
    REFUSED,
    ROOMS,
    UNREADABLE,
    LOST,
    UNSEALED,
    *LINKS,
    *HERE,
    COMMANDS,
    ANSWERS,
    EVENTS,
    OTHERS_EVENTS,
    SPANS,
    *FLEET,
    *PERSISTENCE,
    *GROWTH,
)


class StoredBytes(NamedTuple):
    """Each table's bytes and growth a day, where that is known, and what else is known of the disk."""

    tables: Sequence[tuple[str, int, int | None]]
    database: tuple[int, int | None]
    free: int | None
    full_in_days: float | None


class FleetCount(NamedTuple):
    """Rooms by status, actors by state, how many rooms living actors could still take, what waits in them, and what
    Ray says of itself."""

    rooms: Mapping[str, int]
    actors: Mapping[str, int]
    free: int
    waiting: ActorQueues = ActorQueues()
    ray: RayState | None = None


class TimesTold(NamedTuple):
    """How often something was done within each bound (the last count: beyond all), and the seconds of all of it."""

    bounds: Sequence[float]
    counts: Sequence[int]
    seconds: float


class GamePersistence(NamedTuple):
    """One game's share of what all actors of the deployment have done, those that are gone too."""

    game: str
    rows: int
    bytes: int
    replays: int
    repairs: int
    commits: TimesTold
    loads: TimesTold


class Metrics(Collector):
    """Counted here by plain numbers, and told when asked: a command costs well under a microsecond."""

    def __init__(
        self,
        sockets: Callable[[], int],
        rooms: Callable[[], int],
        lost: Callable[[], int],
        not_opened: Callable[[], int],
        unreadable: Callable[[], Mapping[str, int]],
        links: Callable[[], Mapping[str, LinkState]] = dict,
        persistence: Callable[[], Sequence[GamePersistence]] = tuple,
        others_events: Callable[[], Mapping[str, int]] = dict,
        spans: Callable[[], Mapping[str, int]] = dict,
        queues: Callable[[], EdgeQueues] = EdgeQueues,
    ) -> None:
        self._sockets = sockets
        self._rooms = rooms
        self._lost = lost
        self._not_opened = not_opened
        self._unreadable = unreadable
        self._links = links
        self._persistence = persistence
        self._others_events = others_events
        self._spans = spans
        self._queues = queues
        self._refused: dict[str, int] = {}
        self._commands: dict[tuple[str, str], int] = {}
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._stored: StoredBytes | None = None
        self._fleet: FleetCount | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answered(self, command: ClientCommand | RollBack, answer: Answer, seconds: float) -> None:
        """A command was answered, so many seconds after it arrived: `done`, or with a refusal's code."""
        outcome = (
            "done" if isinstance(answer, Committed) else answer.code if isinstance(answer, Refusal) else NO_SERVER.code
        )
        key = (type(command).__name__, outcome)
        self._commands[key] = self._commands.get(key, 0) + 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def refused(self, reason: str) -> None:
        """A WebSocket was not taken."""
        self._refused[reason] = self._refused.get(reason, 0) + 1

    def counted(self, fleet: FleetCount | None) -> None:
        """The rooms and actors of the deployment; None: nobody knows."""
        self._fleet = fleet

    def grown(self, stored: StoredBytes | None) -> None:
        """The bytes that the database has; None: nobody knows."""
        self._stored = stored

    @property
    def commands(self) -> Iterator[tuple[str, str, int]]:
        """Each command by its outcomes, and how often: since the edge was started, like everything here."""
        return ((snake(name), outcome, count) for (name, outcome), count in self._commands.items())

    @property
    def seconds(self) -> float:
        """The seconds that all answers took, together."""
        return self._seconds

    def collect(self) -> Iterator[Metric]:
        yield gauge(SOCKETS, self._sockets())
        refused = counter(REFUSED)
        for reason, times in self._refused.items():
            refused.add_metric([reason], times)
        yield refused
        yield gauge(ROOMS, self._rooms())
        yield gauges(UNREADABLE, self._unreadable())
        yield counter(LOST, self._lost())
        yield counter(UNSEALED, self._not_opened())
        yield from _links(self._links())
        yield from self._queues().told()
        commands = counter(COMMANDS)
        for name, outcome, count in self.commands:
            commands.add_metric([name, outcome], count)
        yield commands
        answers = HistogramMetricFamily(ANSWERS.name, ANSWERS.meaning)
        _add_times(answers, [], TimesTold(BUCKETS, self._buckets, self._seconds))
        yield answers
        yield _events(EVENTS, COUNTED)
        yield _events(OTHERS_EVENTS, self._others_events())
        yield _events(SPANS, self._spans())
        if self._fleet is not None:
            yield from _fleet(self._fleet)
        yield from _persisted(self._persistence())
        if self._stored is not None:
            yield from _stored(self._stored)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


def _fleet(fleet: FleetCount) -> Iterator[Metric]:
    for of, counts in ((ALL_ROOMS, fleet.rooms), (ACTORS, fleet.actors)):
        yield gauges(of, counts)
    yield gauge(FREE_PLACES, fleet.free)
    yield from fleet.waiting.told()
    yield from ray_metrics.told(fleet.ray)


def _events(of: Described, counts: Mapping[str, int]) -> CounterMetricFamily:
    """Each by its labels, which its name has between blanks."""
    family = counter(of)
    for name, count in list(counts.items()):
        labels = name.split(" ")
        if len(labels) == len(of.labels):
            family.add_metric(labels, count)
    return family


def _add_times(family: HistogramMetricFamily, labels: Sequence[str], times: TimesTold) -> None:
    bounds = [*map(str, times.bounds), "+Inf"]
    family.add_metric(labels, list(zip(bounds, accumulate(times.counts), strict=True)), times.seconds)


def _persisted(games: Sequence[GamePersistence]) -> Iterator[Metric]:
    for described, times in ((COMMITS, "commits"), (LOADS, "loads")):
        family = HistogramMetricFamily(described.name, described.meaning, labels=described.labels)
        for each in games:
            _add_times(family, [each.game], getattr(each, times))
        yield family
    for described, count in ((ROWS, "rows"), (BYTES, "bytes"), (REPLAYS, "replays"), (REPAIRS, "repairs")):
        counted = counter(described)
        for each in games:
            counted.add_metric([each.game], getattr(each, count))
        yield counted


def _links(links: Mapping[str, LinkState]) -> Iterator[Metric]:
    up = GaugeMetricFamily(REDIS_UP.name, REDIS_UP.meaning, labels=REDIS_UP.labels)
    lost, dropped = counter(REDIS_LOST), counter(REDIS_DROPPED)
    for link, (is_up, times_lost, times_dropped, _) in links.items():
        up.add_metric([link], int(is_up))
        lost.add_metric([link], times_lost)
        dropped.add_metric([link], times_dropped)
    yield from (up, lost, dropped, gauges(REDIS_WAITING, {link: state[3] for link, state in links.items()}))


def _stored(stored: StoredBytes) -> Iterator[Metric]:
    sizes = GaugeMetricFamily(TABLES.name, TABLES.meaning, labels=TABLES.labels)
    grown = GaugeMetricFamily(TABLES_GROWN.name, TABLES_GROWN.meaning, labels=TABLES_GROWN.labels)
    for name, size, a_day in stored.tables:
        sizes.add_metric([name], size)
        if a_day is not None:
            grown.add_metric([name], a_day)
    yield sizes
    yield grown
    size, a_day = stored.database
    for described, value in (
        (DATABASE, size),
        (DATABASE_GROWN, a_day),
        (FREE, stored.free),
        (FULL, stored.full_in_days),
    ):
        if value is not None:
            yield gauge(described, value)
