"""`tavola dev`: all of Tavola on this machine, as children of one supervisor.

It holds the data folder, ends what a killed run left there, starts what the settings do not give, writes down in
`stack.json` how to join, and starts again whatever dies. Ctrl-C or SIGTERM stops all of it and nothing else.
"""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from rich.text import Text

from tavola.config.failures import Failure
from tavola.config.logs import games_log
from tavola.config.settings import STACK_FILE, Settings, SettingsError, kept_secret, lock, write_private
from tavola.games.registry.discovery import install
from tavola.games.registry.reload import Reloader
from tavola.stack.edge_process import BotsProcess, EdgeProcess, near_port
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.stack.local_ray import LocalRay
from tavola.stack.processes import STACK_MARK, end, exit_code, free_port, how_ended, marked, raise_open_files
from tavola.stack.progress import StartProgress
from tavola.stack.saved_games import tell_saved
from tavola.stack.server import Server
from tavola.stack.steward_child import StewardChild
from tavola.stack.tail import Tail

_LOCK_WITHIN = 1.0
_LEFTOVER_STEPS = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0))
_BACK_OFF = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a part that died is started again; the first of them for one that had lived for _STEADY_AFTER."""
_STORAGE_BACK_OFF = (0.0, 0.5, 1.0)
"""The same for Postgres and Redis, for which everybody waits. They may have died of a full disk: play goes on soon
after there is space."""
_STEADY_AFTER = 30.0
_PLAYERS_FIRST = 3.0
"""Seconds before an edge that died is started again while another is up: a start takes a core for more than a second,
and its players, who are coming back to the other at that moment, need it more."""


class DevStack:
    """`up`, then `keep` until cancelled, then `down`, whatever happened before."""

    def __init__(
        self,
        settings: Settings,
        *,
        edges: int,
        bots: int,
        progress: StartProgress,
        reloader: Reloader | None = None,
    ) -> None:
        folder = settings.data_dir
        self._settings = settings
        self._progress = progress
        self._reloader = reloader
        self._file = folder / STACK_FILE
        self._logs = folder / "logs"
        self.mark = sha256(f"{kept_secret(folder / 'id')} {folder}".encode()).hexdigest()[:16]
        self._environment = {
            STACK_MARK: self.mark,
            "TAVOLA_DATA_DIR": str(folder),
            "TAVOLA_HOST": settings.host,
            "TAVOLA_JWT_SECRET": settings.jwt_secret.get_secret_value() or kept_secret(folder / "jwt-secret"),
        }
        games = {"TAVOLA_GAMES": ",".join(settings.games), "TAVOLA_GAMES_PATH": str(settings.games_path)}
        if settings.games_reload:
            games["TAVOLA_GAMES_RELOAD"] = "true"
        self._environment.update(games)
        if other := settings.jwt_secret_other.get_secret_value():
            self._environment["TAVOLA_JWT_SECRET_OTHER"] = other
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self._redis = EmbeddedRedis(folder / "redis")
        self._ray = LocalRay(folder / "ray", games)
        self._edges: list[EdgeProcess] = []
        port = settings.port
        for number in range(1, edges + 1):
            port = near_port(port + 1 if number > 1 else port, settings.host)
            log = self._logs / f"edge-{number}.log"
            self._edges.append(EdgeProcess(number, settings.host, port, log, self._environment))
        self._steward = StewardChild(self._logs / "steward.log", self._environment, self._ray.told)
        self._bots = bots
        self._parts: dict[str, list[Server]] = {}
        """Kind → what runs, in the order in which it was started."""

    @property
    def urls(self) -> list[str]:
        return [edge.url for edge in self._edges]

    async def up(self) -> None:
        """On return the edges and the steward are ready. On an exception some parts may run: call `down`."""
        self._logs.mkdir(mode=0o700, exist_ok=True)
        await self._sweep()
        try:
            async with asyncio.TaskGroup() as tasks:
                given = self._settings
                database = tasks.create_task(self._start_database())
                redis = tasks.create_task(self._start_unless_given("redis", self._redis, "REDIS_URL", given.redis_url))
                ray = tasks.create_task(self._start_unless_given("ray", self._ray, "RAY_ADDRESS", given.ray_address))
                tasks.create_task(self._start_after((database, ray), "steward", self._steward))
                for edge in self._edges:
                    tasks.create_task(self._start_after((database, redis), "edges", edge))
        except* Failure as failures:
            raise _first(failures) from None
        await self._start("bots", BotsProcess(self._bots, self.urls, self._logs / "bots.log", self._environment))
        self._write()

    async def keep(self) -> None:
        """Starts again what dies, and tells of the mistakes that games make, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_mistakes())
            if self._reloader is not None:
                tasks.create_task(tell_saved(self._reloader, self._progress))
            for kind, parts in self._parts.items():
                for part in parts:
                    tasks.create_task(self._keep(kind, part))

    async def down(self) -> None:
        """On return nothing of the stack runs."""
        self._file.unlink(missing_ok=True)
        for kinds in (("bots",), ("edges",), ("steward",), ("ray",), ("postgres", "redis")):
            stopping = [part.stop() for kind in kinds for part in self._parts.get(kind, [])]
            for failed in await asyncio.gather(*stopping, return_exceptions=True):
                if failed is not None:
                    self._progress.say(f"  ! {failed}")
        await end(marked(self.mark), *_LEFTOVER_STEPS)

    async def _sweep(self) -> None:
        """Ends what a run that was killed left behind."""
        left = marked(self.mark)
        if left:
            with self._progress.step(f"ending {len(left)} processes that an earlier run left"):
                # Not Postgres and Redis, which have a better way to stop.
                servers = (*self._postgres.programs, *self._redis.programs)
                await end([each for each in left if not each.name().startswith(servers)], *_LEFTOVER_STEPS)
        for server in (self._ray, self._postgres, self._redis):
            await server.sweep()

    async def _start_database(self) -> None:
        from tavola.config.keys import Secrets
        from tavola.storage.fingerprint import OTHER, SETTING, admitted_at
        from tavola.storage.migrate import migrate

        await self._start_unless_given("postgres", self._postgres, "DATABASE_URL", self._settings.database_url)
        with self._progress.step("migrations"):
            await migrate(self._environment["DATABASE_URL"])
            secrets = (self._environment.get(name, "").encode() for name in (SETTING, OTHER))
            await admitted_at(self._environment["DATABASE_URL"], Secrets(*secrets))

    async def _start_unless_given(self, kind: str, server: Server, variable: str, given: str) -> None:
        self._environment[variable] = given or await self._start(kind, server)

    async def _start_after(self, before: Iterable[asyncio.Task[None]], kind: str, server: Server) -> None:
        await asyncio.wait(before)
        await self._start(kind, server)

    async def _start(self, kind: str, server: Server) -> str:
        self._parts.setdefault(kind, []).append(server)
        if isinstance(server, LocalRay):
            self._environment.update(server.environment)
        with self._progress.step(server.name):
            return await server.start()

    async def _tell_mistakes(self) -> None:
        file = games_log(self._settings.data_dir)
        async for text in Tail(file).follow():
            self._progress.say(Text(f"\n{text.strip()}\n  ! a game has made a mistake, see {_from_here(file)}", "red"))

    async def _keep(self, kind: str, part: Server) -> None:
        variable = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "ray": "RAY_ADDRESS"}.get(kind)
        failures = 0
        while part.process is not None:
            began = time.monotonic()
            code = await exit_code(part.process)
            failures = 0 if time.monotonic() - began > _STEADY_AFTER else failures + 1
            self._progress.say(f"  ! {part.name} ended ({how_ended(code)}), starting it again")
            await asyncio.sleep(self._grace_s(part))
            url = await self._start_again(part, failures)
            if variable and (kind == "ray" or url != self._environment[variable]):
                # The steward does not outlive the Ray that it joined, and nobody looks for a new address.
                self._environment[variable] = url
                joined = [self._steward] if kind == "ray" else [self._steward, *self._edges]
                await asyncio.gather(*(part.stop() for part in joined))
            await self._write_down()

    async def _write_down(self) -> None:
        """On return it is written how to join; while it cannot be, it is tried again."""
        while True:
            try:
                self._write()
                return
            except OSError as error:
                self._progress.say(f"  ! {self._file} cannot be written: {error.strerror}")
                await asyncio.sleep(_BACK_OFF[-1])

    def _grace_s(self, part: Server) -> float:
        others_up = any(edge.runs for edge in self._edges if edge is not part)
        return _PLAYERS_FIRST if part in self._edges and others_up else 0.0

    async def _start_again(self, part: Server, failures: int) -> str:
        waits = _STORAGE_BACK_OFF if part in (self._postgres, self._redis) else _BACK_OFF
        while True:
            await asyncio.sleep(waits[min(failures, len(waits) - 1)])
            try:
                with self._progress.step(part.name):
                    return await part.start()
            except (Failure, OSError) as failure:
                failures += 1
                self._progress.say(f"  ! {failure}")

    def _write(self) -> None:
        pids = {kind: [part.process.pid for part in parts if part.process] for kind, parts in self._parts.items()}
        join = {name: value for name, value in self._environment.items() if name != STACK_MARK}
        stack = {
            "url": self.urls[0],
            "urls": self.urls,
            "pid": os.getpid(),
            "pids": pids,
            "environment": {**join, "TAVOLA_PORT": str(self._edges[0].port)},
        }
        write_private(self._file, json.dumps(stack, indent=2))


def run(settings: Settings, *, edges: int, bots: int) -> None:
    """Until Ctrl-C or SIGTERM, or an exception if the stack cannot be started."""
    given = "port" in settings.model_fields_set and settings.port != 0
    if given and free_port(settings.port, settings.host) != settings.port:
        raise SettingsError("TAVOLA_PORT", f"{settings.port} on {settings.host} is taken by another program")
    games = install(settings.games, settings.games_path)
    reloader = Reloader(settings.games, settings.games_path, games) if settings.games_reload else None
    if reloader is not None and settings.rooms_per_actor != 1:
        raise SettingsError("TAVOLA_ROOMS_PER_ACTOR", "must be 1 with --reload: rooms of one actor share their code")
    raise_open_files()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _demand_ours(settings.data_dir)
    progress = StartProgress()
    with _held(settings.data_dir):
        (settings.data_dir / STACK_FILE).unlink(missing_ok=True)
        stack = DevStack(settings, edges=edges, bots=bots, progress=progress, reloader=reloader)
        # Processes that we start in passing are known as ours too.
        os.environ[STACK_MARK] = stack.mark
        asyncio.run(_run(stack, settings, progress))


def _demand_ours(folder: Path) -> None:
    """Raises SettingsError for a data folder in which others can put a secret that they know. Root may work in another
    user's, such as a container's volume."""
    found = folder.stat()
    if found.st_mode & stat.S_IWOTH:
        raise SettingsError("TAVOLA_DATA_DIR", f"everybody may write to {folder}: chmod o-w, or give another")
    if os.geteuid() not in (0, found.st_uid):
        raise SettingsError("TAVOLA_DATA_DIR", f"{folder} belongs to another user")


async def _run(stack: DevStack, settings: Settings, progress: StartProgress) -> None:
    with _on_signals(asyncio.current_task()):
        try:
            await stack.up()
            _show(stack, settings, progress)
            await stack.keep()
        except asyncio.CancelledError:
            progress.say()
        finally:
            with progress.step("stopping"):
                await stack.down()


@contextmanager
def _on_signals(task: "asyncio.Task[None] | None") -> Iterator[None]:
    """The first signal cancels the task; it is stopping then, and more of them change nothing."""
    asked = False

    def ask() -> None:
        nonlocal asked
        if not asked and task is not None:
            asked = True
            task.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, ask)
    yield


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


def _show(stack: DevStack, settings: Settings, progress: StartProgress) -> None:
    command = _from_here(Path(sys.argv[0])) if sys.argv[0].endswith("tavola") else f"{sys.executable} -P -m tavola"
    if settings.data_dir != Path.cwd() / ".tavola":
        command = f"TAVOLA_DATA_DIR={shlex.quote(str(settings.data_dir))} {command}"
    progress.say()
    progress.say(f"Tavola is ready, after {progress.elapsed:.1f} s.")
    for url in stack.urls:
        progress.say(f"  address   {url}   sockets at {url.replace('http', 'ws', 1)}/ws")
    progress.say(f"  rooms     {command} rooms")
    progress.say(f"  players   {command} load --url {stack.urls[0]}")
    progress.say(f"  logs      {command} logs --follow, of {_from_here(settings.data_dir / 'logs')} and Ray's")
    progress.say("  stop      Ctrl-C; started again, every room is where it was")
    progress.say()


def _from_here(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _first(failures: BaseExceptionGroup[Failure]) -> BaseException:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
