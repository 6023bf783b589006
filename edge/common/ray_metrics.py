"""The metrics of Ray, as a steward was told by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric

from tavola.edge.common.described import Described, gauge, gauges

UP = Described("tavola_ray_up", "gauge", "Whether any steward is answered by Ray: 1, else 0")
ANSWER = Described(
    "tavola_ray_answer_seconds", "gauge", "The seconds that Ray's control plane took for its last answers"
)
NODES = Described("tavola_ray_nodes", "gauge", "Machines that Ray knows of", ("state",))
ACTORS = Described("tavola_ray_actors", "gauge", "Actors of Ray that live, or are to", ("state",))
RESOURCES = Described("tavola_ray_resource", "gauge", "A resource of all machines, in Ray's units", ("resource", "of"))
RAYS = (UP, ANSWER, NODES, ACTORS, RESOURCES)


class RayTold(msgspec.Struct, frozen=True):
    """As `actors.cluster.ray_told.RayState`."""

    nodes: Mapping[str, int]
    actors: Mapping[str, int]
    resources: Mapping[str, float]
    taken: Mapping[str, float]
    answer_s: float


def told(ray: RayTold | None) -> Iterator[Metric]:
    """Of None only that nobody is answered."""
    yield gauge(UP, int(ray is not None))
    if ray is None:
        return
    yield gauge(ANSWER, ray.answer_s)
    yield gauges(NODES, ray.nodes)
    yield gauges(ACTORS, ray.actors)
    resources = GaugeMetricFamily(RESOURCES.name, RESOURCES.meaning, labels=RESOURCES.labels)
    for name, amount in ray.resources.items():
        resources.add_metric([name, "all"], amount)
        resources.add_metric([name, "taken"], ray.taken.get(name, 0.0))
    yield resources
