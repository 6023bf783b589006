"""The metrics of Ray, as a steward was told by it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from tavola.actors.wire.ray_state import RayState
from tavola.edge.common.described import Described, gauge, gauges

UP = Described("tavola_ray_up", "gauge", "Whether any steward is answered by Ray: 1, else 0")
ANSWER = Described(
    "tavola_ray_answer_seconds", "gauge", "The seconds that Ray's control plane took for its last answers"
)
NODES = Described("tavola_ray_nodes", "gauge", "Machines that Ray knows of", ("state",))
ACTORS = Described("tavola_ray_actors", "gauge", "Actors of Ray that live, or are to", ("state",))
RESOURCES = Described("tavola_ray_resource", "gauge", "A resource of all machines, in Ray's units", ("resource", "of"))
RAYS = (UP, ANSWER, NODES, ACTORS, RESOURCES)


def told(ray: RayState | None) -> Iterator[Metric]:
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
