"""`tavola dev`: it holds the data folder, and has everything imported while it gets ready itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from tavola.config.failures import Failure
from tavola.config.settings import STACK_FILE, Settings, SettingsError, kept_secret, lock, without_secrets
from tavola.games.registry.discovery import from_outside, install
from tavola.stack.forks import Forks
from tavola.stack.local_ray import HEAD, IN_RAY, LocalRay
from tavola.stack.processes import STACK_MARK, free_port, raise_open_files

_HEADS = ("ray._private.node", HEAD)
_EDGES = ("tavola.cli", "tavola.edge.app", "tavola.bots.run")
_ROOMS = ("tavola.actors.cluster.room_process",)
"""All that room actors need, but for Ray and the games."""
_LOCK_WITHIN = 1.0


def run(settings: Settings, *, edges: int, bots: int) -> None:
    """Until Ctrl-C or SIGTERM, or an exception if the stack cannot be started."""
    given = "port" in settings.model_fields_set and settings.port != 0
    if given and free_port(settings.port, settings.host) != settings.port:
        raise SettingsError("TAVOLA_PORT", f"{settings.port} on {settings.host} is taken by another program")
    if settings.games_reload and settings.rooms_per_actor != 1:
        raise SettingsError("TAVOLA_ROOMS_PER_ACTOR", "must be 1 with --reload: rooms of one actor share their code")
    games = install(settings.games, settings.games_path) if from_outside(settings.games) else ()
    raise_open_files()
    folder = settings.data_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _demand_ours(folder)
    if not (ignored := folder / ".gitignore").exists():
        ignored.write_text("*\n")  # It often lies in a project, and holds secrets.
    with _held(folder), contextlib.ExitStack() as stack:
        (folder / STACK_FILE).unlink(missing_ok=True)
        # Processes that we start in passing are known as ours too.
        os.environ[STACK_MARK] = sha256(f"{kept_secret(folder / 'id')} {folder}".encode()).hexdigest()[:16]
        kept = {"TAVOLA_DATA_DIR": str(folder), **settings.games_environment()}
        shared = {**without_secrets(os.environ), **kept}
        logs = folder / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        ray = LocalRay(folder / "ray", settings.games_environment())
        joining = {} if settings.ray_address else ray.environment
        if not settings.ray_address:
            ray.heads = Forks(_HEADS, log=logs / "forks-head.log", environment={**shared, **joining})
        doors = Forks(_EDGES, log=logs / "forks-edges.log", environment=shared)
        ray.forks = in_ray = Forks(
            _ROOMS if not settings.ray_address else (*_ROOMS, *IN_RAY),
            log=logs / "forks-ray.log",
            environment={**shared, **joining},
            games=True,
            base=doors,
        )
        for forks in filter(None, (doors, in_ray, ray.heads)):
            stack.callback(forks.end)
        for forks in filter(None, (ray.heads, doors)):
            asyncio.run(forks.begin())

        from tavola.stack.dev_stack import serve

        serve(settings, games, ray, doors, in_ray, edges=edges, bots=bots)


def _demand_ours(folder: Path) -> None:
    """Raises SettingsError for a data folder in which others can put a secret that they know. Root may work in another
    user's, such as a container's volume."""
    found = folder.stat()
    if found.st_mode & stat.S_IWOTH:
        raise SettingsError("TAVOLA_DATA_DIR", f"everybody may write to {folder}: chmod o-w, or give another")
    if os.geteuid() not in (0, found.st_uid):
        raise SettingsError("TAVOLA_DATA_DIR", f"{folder} belongs to another user")


class Busy(Failure):
    """Another stack runs on the data folder."""


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Holds the data folder, or Busy. A process that only looks whether it is held does so for a moment."""
    (folder / "lock").touch(mode=0o600)
    deadline = time.monotonic() + _LOCK_WITHIN
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(lock(folder))
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy(f"another `tavola dev` runs on {folder}: stop it, or give --data-dir") from None
                time.sleep(0.05)
        yield
