"""Ray as the control plane: join the cluster, start room actors on this node, end them.

Its calls block, so they run in threads. With `room_actor` the only place that imports Ray, and a steward's process the
only one that loads it. Moves never come through here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import psutil
import ray
import structlog
from ray._private.state import actors
from ray._private.state import state as cluster
from ray.job_config import JobConfig
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tavola.actors.cluster import ceiling
from tavola.actors.cluster.ceiling import Full, Node
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.cluster.room_actor import RoomActor
from tavola.actors.scaling.demand import HELD, ROOM_ACTOR
from tavola.actors.wire.ray_state import RayState
from tavola.config.settings import Settings
from tavola.storage.postgres import Database

log = structlog.get_logger()

T = TypeVar("T")

START_TIMEOUT_S = 30.0
LOOK_S = 0.01
LOOKS_S = 0.1
"""How soon, and how often at last, it is looked whether an actor that starts is on the list."""
JOIN_AGAIN_S = 0.2
REACHED_WITHIN_S = 2.0
_MAPPED = "::ffff:"
"""Before an address of IPv4 where a socket is one of IPv6, as gRPC's are."""
_OF_ONE_NODE = "node:"
"""How the names of resources begin that say which node is which. A node has 1 of its own."""
_HELD_OF_NODE = 0.0001
"""The least that there is in Ray."""
_HEAD = "node:__internal_head__"
"""A resource that the head has."""
_ACTOR_STATES = ("ALIVE", "PENDING_CREATION", "RESTARTING")
STEWARD_BEFORE = "steward"
"""The name of the actor that did the steward's rounds in releases before; edges of those start it again."""
DETACHED: dict[str, Any] = {
    "lifetime": "detached",
    "num_cpus": 0,
    "max_restarts": 0,
    "max_task_retries": 0,
    "max_concurrency": 1,  # On the main thread (service.py).
}


def join(settings: Settings) -> None:
    """Connect this process to the cluster, once. Blocking. Raises `ConnectionError` when there is no Ray at
    `ray_address`."""
    if ray.is_initialized():
        return
    ray.init(
        address=settings.ray_address,
        namespace=settings.namespace,
        # A job of one's own makes the workers look for modules in this process' working folder before all others.
        job_config=JobConfig(_client_job=True),
        log_to_driver=False,
        configure_logging=False,
    )


async def joined(settings: Settings, database: Database) -> OwnNode:
    """This process's node, once there is Ray: it may be started after us."""
    told = False
    while True:
        try:
            await reached(settings.ray_address)
            # In a thread, where Ray leaves our signals alone.
            await in_thread(join, settings)
            return await in_thread(_own_node, settings, database)
        except (ClusterUnavailable, OSError, RuntimeError) as error:
            if not told:
                log.warning("steward.no_ray", address=settings.ray_address, reason=str(error))
            told = True
            await asyncio.sleep(JOIN_AGAIN_S)


async def reached(address: str) -> None:
    """Raises `OSError` where nobody listens: Ray would take its time to say so."""
    if (place := _place(address)) is not None:
        async with asyncio.timeout(REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(*place)
            writer.close()


async def cut(address: str) -> int:
    """Ends this process's connections to Ray at that address; Ray's client makes others. Gives how many there were. It
    needs no thread: all may be waiting for Ray."""
    if (place := _place(address)) is None:
        return 0
    found = await asyncio.get_running_loop().getaddrinfo(*place, type=socket.SOCK_STREAM)
    hosts = {each[4][0] for each in found}
    ours = [
        each.fd
        for each in psutil.Process().net_connections("tcp")
        if each.raddr and each.raddr.ip.removeprefix(_MAPPED) in hosts and each.raddr.port == place[1] and each.fd >= 0
    ]
    for fd in ours:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as connection:  # It may have just ended.
            connection.shutdown(socket.SHUT_RDWR)
    return len(ours)


def _place(address: str) -> tuple[str, int] | None:
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None


class OwnNode:
    """The node on which this process runs, and the actors that it starts there."""

    def __init__(
        self, settings: Settings, database: Database, id: str, address: str, most: int, declares: bool, may_end: bool
    ) -> None:
        """`id` is Ray's, and `most` how many actors there may be at `address`. Where it `declares` how many it carries,
        Ray is told of each, and may end the node when there are none, if it `may_end`."""
        self._settings = settings.for_actors()
        self._database = database
        self._id = id
        self.address = address
        self.most = most
        self.declares = declares
        self.may_end = may_end

    async def start_actor(self) -> None:
        """Start a room actor here; on return it can be given rooms. Raises `Full` when the node has as many as it
        carries, and `ClusterUnavailable` when Ray fails or takes more than `START_TIMEOUT_S`; then one may have been
        started."""
        name = f"room-actor-{secrets.token_hex(6)}"
        log.info("actor.starting", actor=name)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                with _translated():
                    await self._listed(name, await in_thread(self._start_blocking, name, {self.address: self.most}))
        except TimeoutError as error:
            raise ClusterUnavailable(f"{name} did not start in {START_TIMEOUT_S:.0f} s") from error

    def _start_blocking(self, name: str, most: Mapping[str, int]) -> Future[None]:
        """Gives its life, which ends with an error."""
        options: dict[str, Any] = {
            **DETACHED,
            "name": name,
            "namespace": self._settings.namespace,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(self._id, soft=False),
        }
        # Holding nothing an actor would be nothing to Ray, which ends a drained node as soon as nothing is there.
        options["resources"] = {ROOM_ACTOR: HELD} if self.declares else {f"{_OF_ONE_NODE}{self.address}": _HELD_OF_NODE}
        actor: Any = ray.remote(RoomActor).options(**options).remote(name, self._settings)
        life: Future[None] = actor.serve.remote(most).future()
        return life

    async def _listed(self, name: str, life: Future[None]) -> None:
        """On return the actor of that name has registered, and can be given rooms. Raises why it has ended instead."""
        ended = asyncio.wrap_future(life)
        ended.add_done_callback(lambda life: life.cancelled() or life.exception())  # It ends some day.
        pause = LOOK_S
        while not (await asyncio.wait([ended], timeout=pause))[0]:
            if await self._database.row("listed_actor", name=name) is not None:
                return
            pause = min(pause * 1.1, LOOKS_S)
        ended.result()

    async def ask_for(self, actors: int) -> None:
        """Have Ray's autoscaler see that so many room actors are wanted altogether, until it is told otherwise. Where
        there is no autoscaler nothing comes of it. Raises `ClusterUnavailable`."""
        await in_thread(self._ask_blocking, actors)

    def _ask_blocking(self, actors: int) -> None:
        # Nobody else needs these. `request_resources` of Ray's would believe a variable of the environment, which `ray
        # up` sets whichever autoscaler the head has.
        from ray._private.ray_constants import AUTOSCALER_RESOURCE_REQUEST_CHANNEL
        from ray.autoscaler.v2.sdk import request_cluster_resources
        from ray.autoscaler.v2.utils import is_autoscaler_v2
        from ray.experimental.internal_kv import _internal_kv_put, internal_kv_get_gcs_client

        wanted = [{ROOM_ACTOR: 1}] * actors
        if is_autoscaler_v2(fetch_from_server=True):
            bundles = [{"resources": each, "label_selector": {}} for each in wanted]
            gcs = internal_kv_get_gcs_client()  # type: ignore[no-untyped-call]
            request_cluster_resources(gcs.address, bundles)
        else:
            _internal_kv_put(AUTOSCALER_RESOURCE_REQUEST_CHANNEL, json.dumps(wanted), overwrite=True)

    async def ending(self) -> frozenset[str]:
        """The addresses of the nodes of which Ray knows that they will end. Raises `ClusterUnavailable`."""
        return await in_thread(_ending_blocking)

    async def state(self) -> RayState:
        """As Ray says it is. Raises `ClusterUnavailable`."""
        return await in_thread(_state_blocking)

    async def end_actor(self, name: str) -> None:
        """End a room actor, if it still runs. Its rooms are safe. Raises `ClusterUnavailable`."""
        await in_thread(self._end_blocking, name)

    def _end_blocking(self, name: str) -> None:
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(name, namespace=self._settings.namespace))


def _ending_blocking() -> frozenset[str]:
    draining = cluster.get_draining_nodes()
    if not draining:
        return frozenset()
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return frozenset(node["NodeManagerAddress"] for node in nodes if node["Alive"] and node["NodeID"] in draining)


def _state_blocking() -> RayState:
    began = time.perf_counter()
    nodes = Counter("alive" if node["Alive"] else "dead" for node in ray.nodes())  # type: ignore[no-untyped-call]
    of_state = {state.lower(): len(actors(actor_state_name=state)) for state in _ACTOR_STATES}
    there = {
        name: amount for name, amount in _amounts(ray.cluster_resources).items() if not name.startswith(_OF_ONE_NODE)
    }
    free = _amounts(ray.available_resources)
    return RayState(
        nodes={"alive": 0, "dead": 0, **nodes},
        actors=of_state,
        resources=there,
        taken={name: amount - free.get(name, 0.0) for name, amount in there.items()},
        answer_s=time.perf_counter() - began,
    )


def _amounts(of: Callable[[], Any]) -> dict[str, float]:
    return dict(of())


def _own_node(settings: Settings, database: Database) -> OwnNode:
    """Raises `ClusterUnavailable` while Ray does not list it."""
    id = ray.get_runtime_context().get_node_id()
    nodes = [
        Node(
            node["NodeID"],
            node["NodeManagerAddress"],
            int(node["Resources"].get("memory", 0)),
            int(node["Resources"].get(ROOM_ACTOR, 0)),
            _HEAD in node["Resources"],
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    most = ceiling.ceilings(nodes, settings.room_actors_per_node)
    for node in nodes:
        if node.id == id:
            declares = node.declared > 0
            may_end = declares and not node.head
            return OwnNode(settings, database, id, node.address, most[node.address], declares, may_end)
    raise ClusterUnavailable(f"Ray does not list its node {id}")


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """The result of a blocking call. Ray's errors, and its silence, are raised as `ClusterUnavailable`, or `Full`."""
    with _translated():
        async with asyncio.timeout(START_TIMEOUT_S + 5):
            return await asyncio.to_thread(call, *arguments)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turns Ray's errors, and those of its actors, into ours."""
    try:
        yield
    except (ray.exceptions.RayError, TimeoutError, ConnectionError) as error:
        cause = getattr(error, "cause", error)  # In an actor, where Ray's own text has a traceback.
        # An actor that finds no connection to Postgres is one too many, wherever it is.
        kind = Full if isinstance(error, Full) or getattr(cause, "full", False) else ClusterUnavailable
        raise kind(f"{type(cause).__name__}: {cause}".splitlines()[0]) from error
