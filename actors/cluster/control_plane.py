"""Ray as the control plane: join the cluster, start and end room actors, keep the steward.

Its calls block, so they run in threads. With `room_actor` and `steward_actor` the only place that imports Ray. Moves
never come through here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import ray
import structlog
from ray.job_config import JobConfig
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tavola.actors.cluster import ceiling
from tavola.actors.cluster.ceiling import Full, Node
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.cluster.room_actor import RoomActor
from tavola.config.settings import Settings
from tavola.storage.postgres import Database

log = structlog.get_logger()

T = TypeVar("T")

START_TIMEOUT_S = 30.0
STARTS_AT_ONCE = 4
"""Actors that one process starts at a time, where each carries one room."""
LOOK_S = 0.01
LOOKS_S = 0.1
"""How soon, and how often at last, it is looked whether an actor that starts is on the list."""
FULL_S = 1.0
"""For how long a cluster that was found full is not asked again."""
DETACHED: dict[str, Any] = {
    "lifetime": "detached",
    "num_cpus": 0,
    "max_restarts": 0,
    "max_task_retries": 0,
    "max_concurrency": 1,  # On the main thread (service.py).
}


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """`ray.init` installs a SIGTERM handler of its own; put back the one that was there."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def join(settings: Settings) -> None:
    """Connect this process to the cluster, once. Blocking; call it from the main thread, before the event loop runs.
    Raises `ConnectionError` when there is no Ray at `ray_address`."""
    if ray.is_initialized():
        return
    with _signals_kept():
        ray.init(
            address=settings.ray_address,
            namespace=settings.namespace,
            # A job of one's own makes the workers look for modules in this process' working folder before all others.
            job_config=JobConfig(_client_job=True),
            log_to_driver=False,
            configure_logging=False,
        )


class Cluster:
    """The cluster's actors, for one process that has joined it."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings.for_actors()
        self._database = database
        self._starting: set[asyncio.Task[None]] = set()
        self._at_once = STARTS_AT_ONCE if settings.rooms_per_actor == 1 else 1
        self._full_until = 0.0

    async def start_actor(self) -> None:
        """Start a room actor; on return one more listens. A caller that finds enough of them starting waits for one
        of those. Raises `Full` when every node has as many as it carries; then nothing was started. Raises
        `ClusterUnavailable` when Ray fails or takes more than `START_TIMEOUT_S`; then one may have been."""
        if len(self._starting) < self._at_once:
            task = asyncio.create_task(self._start())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
            await asyncio.shield(task)
        else:
            done, _ = await asyncio.wait(self._starting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._full_until:
            raise Full("no node carries another room actor")
        name = f"room-actor-{secrets.token_hex(6)}"
        try:
            nodes = await in_thread(_nodes)
            most = ceiling.ceilings(nodes, self._settings.room_actors_per_node)
            roomy = await ceiling.with_room(self._database, nodes, most)
            where = None if len(roomy) == len(nodes) else random.choice(roomy)
            log.info("actor.starting", actor=name)
            async with asyncio.timeout(START_TIMEOUT_S):
                with _translated():
                    await self._listed(name, await in_thread(self._start_blocking, name, most, where))
        except TimeoutError as error:
            raise ClusterUnavailable(f"{name} did not start in {START_TIMEOUT_S:.0f} s") from error
        except Full as full:
            self._full_until = loop.time() + FULL_S
            log.warning("actors.full", reason=str(full))
            raise

    def _start_blocking(self, name: str, most: Mapping[str, int], where: Node | None) -> Future[None]:
        """Wherever Ray likes, unless some nodes are full. Gives its life, which ends with an error."""
        options = {**DETACHED, "name": name, "namespace": self._settings.namespace}
        if where is not None:
            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(where.id, soft=True)
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

    async def end_actor(self, name: str) -> None:
        """End a room actor, if it still runs. Its rooms are safe. Raises `ClusterUnavailable`."""
        await in_thread(self._end_blocking, name)

    def _end_blocking(self, name: str) -> None:
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(name, namespace=self._settings.namespace))


def _nodes() -> list[Node]:
    return [
        Node(node["NodeID"], node["NodeManagerAddress"], int(node["Resources"].get("memory", 0)))
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]


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
