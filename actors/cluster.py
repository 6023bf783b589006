"""Ray as the control plane: join the cluster, start and end room actors, keep the steward.

Its calls block, so they run in threads. With `actors/remote.py` the only place that imports Ray. Moves never come
through here.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
from collections.abc import Iterator
from typing import Any

import ray
import structlog
from ray.job_config import JobConfig

from actors.directory import ClusterUnavailable
from actors.remote import RoomActor, StewardActor
from tavola.settings import Settings

log = structlog.get_logger()

START_TIMEOUT_S = 30.0
STARTS_AT_ONCE = 4
"""Actors that one process starts at a time, where each carries one room."""
STEWARD = "steward"
_OPTIONS: dict[str, Any] = {
    "lifetime": "detached",
    "num_cpus": 0,
    "max_restarts": 0,
    "max_task_retries": 0,
    "max_concurrency": 1000,
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
    """Connect this process to the cluster. Blocking; call it from the main thread, before the event loop runs."""
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

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.for_actors()
        self._starting: set[asyncio.Task[None]] = set()
        self._at_once = STARTS_AT_ONCE if settings.rooms_per_actor == 1 else 1

    async def start_actor(self) -> None:
        """Start a room actor; on return one more listens. Who finds enough of them starting waits for one of those."""
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
        name = f"room-actor-{secrets.token_hex(6)}"
        log.info("actor.starting", actor=name)
        await _in_thread(self._start_blocking, name)

    def _start_blocking(self, name: str) -> None:
        options = {**_OPTIONS, "name": name, "namespace": self._settings.namespace}
        actor: Any = ray.remote(RoomActor).options(**options).remote(name, self._settings)
        ray.get(actor.start.remote(), timeout=START_TIMEOUT_S)

    async def end_actor(self, name: str) -> None:
        """End a room actor, if it still runs. Its rooms are safe."""
        await _in_thread(self._end_blocking, name)

    def _end_blocking(self, name: str) -> None:
        with contextlib.suppress(ValueError):
            ray.kill(ray.get_actor(name, namespace=self._settings.namespace))

    async def ensure_steward(self) -> None:
        """On return the steward runs."""
        await _in_thread(self._ensure_blocking)

    def _ensure_blocking(self) -> None:
        options = {**_OPTIONS, "name": STEWARD, "namespace": self._settings.namespace, "get_if_exists": True}
        steward: Any = ray.remote(StewardActor).options(**options).remote(self._settings)
        ray.get(steward.start.remote(), timeout=START_TIMEOUT_S)


async def _in_thread(call: Any, *arguments: Any) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S + 5):
            await asyncio.to_thread(call, *arguments)
    except (ray.exceptions.RayError, TimeoutError, ConnectionError) as error:
        raise ClusterUnavailable(f"{type(error).__name__}: {error}".splitlines()[0]) from error
