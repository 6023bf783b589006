"""All of Tavola on this machine, as children of one supervisor.

It ends what a killed run left in the data folder, starts what the settings do not give, writes down in `stack.json` how
to join, and starts again whatever dies. Ctrl-C or SIGTERM stops all of it and nothing else.
"""

import asyncio
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.text import Text

from tavola.config.failures import Failure
from tavola.config.logs import games_log
from tavola.config.settings import STACK_FILE, Settings, kept_secret, write_private
from tavola.games.registry.discovery import Listed
from tavola.games.registry.reload import LOOK_S, Reloader
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.stack.forks import Forks
from tavola.stack.local_ray import LocalRay
from tavola.stack.parts import BotsProcess, EdgeProcess, StewardChild, near_port
from tavola.stack.processes import STACK_MARK, end, exit_code, how_ended, marked
from tavola.stack.progress import StartProgress
from tavola.stack.server import Server
from tavola.stack.tail import Tail

_LEFTOVER_STEPS = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0))
_BACK_OFF = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a part that died is started again; the first of them for one that had lived for _STEADY_AFTER."""
_STORAGE_BACK_OFF = (0.0, 0.5, 1.0)
"""The same for Postgres and Redis, for which everybody waits. They may have died of a full disk: play goes on soon
after there is space."""
_REDIS_WITHIN_S = 5.0
"""How long edges have at the start to reach the Redis that was given."""
_SAY_AGAIN_S = 60.0
"""How often it is said that a part cannot be started. A disk may be full for a whole night."""
_STEADY_AFTER = 30.0
_PLAYERS_FIRST = 3.0
"""Seconds before an edge that died is started again while another is up: its players, who are coming back to the other
at that moment, need the processor more."""


class DevStack:
    """`up`, then `keep` until cancelled, then `down`, whatever happened before."""

    def __init__(
        self,
        settings: Settings,
        ray: LocalRay,
        doors: Forks,
        in_ray: Forks,
        *,
        edges: int,
        bots: int,
        progress: StartProgress,
        reloader: Reloader | None = None,
    ) -> None:
        """`doors` fork edges and bots, `in_ray` the steward."""
        folder = settings.data_dir
        self._settings = settings
        self._progress = progress
        self._reloader = reloader
        self._file = folder / STACK_FILE
        self._logs = folder / "logs"
        self._forks = [forks for forks in (doors, in_ray, ray.heads) if forks is not None]
        self._in_ray = in_ray
        self._mark = os.environ[STACK_MARK]
        self._environment = {
            STACK_MARK: self._mark,
            "TAVOLA_DATA_DIR": str(folder),
            "TAVOLA_HOST": settings.host,
            "TAVOLA_JWT_SECRET": settings.jwt_secret.get_secret_value() or kept_secret(folder / "jwt-secret"),
            **settings.games_environment(),
        }
        if other := settings.jwt_secret_other.get_secret_value():
            self._environment["TAVOLA_JWT_SECRET_OTHER"] = other
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self._redis = EmbeddedRedis(folder / "redis")
        self._ray = ray
        self._edges: list[EdgeProcess] = []
        port = settings.port
        for number in range(1, edges + 1):
            port = near_port(port + 1 if number > 1 else port, settings.host)
            log = self._logs / f"edge-{number}.log"
            self._edges.append(EdgeProcess(number, settings.host, port, log, self._environment, doors))
        self._steward = StewardChild(self._logs / "steward.log", self._environment, self._ray.told, in_ray)
        self._bots = BotsProcess(bots, self.urls, self._logs / "bots.log", self._environment, doors)
        self._parts: dict[str, list[Server]] = {}
        """Kind → what runs, in the order in which it was started."""

    @property
    def urls(self) -> list[str]:
        return [edge.url for edge in self._edges]

    async def up(self) -> None:
        """On return the edges and the steward are ready. On an exception some parts may run: call `down`."""
        await self._sweep()
        try:
            async with asyncio.TaskGroup() as tasks:
                given = self._settings
                tasks.create_task(self._in_ray.begin_once())
                database = tasks.create_task(self._start_database())
                redis = tasks.create_task(self._start_unless_given("redis", self._redis, "REDIS_URL", given.redis_url))
                ray = tasks.create_task(self._start_unless_given("ray", self._ray, "RAY_ADDRESS", given.ray_address))
                tasks.create_task(self._start_after((database, ray), "steward", self._steward))
                for edge in self._edges:
                    tasks.create_task(self._start_after((database, redis), "edges", edge))
        except* Failure as failures:
            raise _first(failures) from None
        await self._start("bots", self._bots)
        self._write()

    async def keep(self) -> None:
        """Starts again what dies, and tells of the mistakes that games make, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._settings.redis_url:
                tasks.create_task(self._tell_redis_away())
            tasks.create_task(self._tell_mistakes())
            if self._reloader is not None:
                tasks.create_task(self._tell_saved(self._reloader))
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
        for forks in self._forks:
            forks.end()
        await end(marked(self._mark), *_LEFTOVER_STEPS)

    async def _sweep(self) -> None:
        """Ends what a run that was killed left behind."""
        ours = {forks.pid for forks in self._forks}
        left = [each for each in marked(self._mark) if each.pid not in ours]
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
        from tavola.storage.migrate import LocksNotHad, migrate
        from tavola.storage.postgres import StorageUnavailable

        await self._start_unless_given("postgres", self._postgres, "DATABASE_URL", self._settings.database_url)
        secrets = (self._environment.get(name, "").encode() for name in (SETTING, OTHER))
        try:
            with self._progress.step("migrations"):
                await migrate(self._environment["DATABASE_URL"])
                await admitted_at(self._environment["DATABASE_URL"], Secrets(*secrets))
        except StorageUnavailable as error:
            raise Failure(f"the database does not answer ({error})") from error
        except LocksNotHad as error:
            raise Failure(str(error)) from error

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

    async def _tell_redis_away(self) -> None:
        try:
            away = await self._edges[0].lacks_redis(_REDIS_WITHIN_S)
        except httpx.HTTPError:
            return  # It has ended meanwhile, which is told already.
        if away:
            self._progress.say("  ! REDIS_URL: does not answer. Rooms are played without it; `tavola doctor` says more")

    async def _tell_mistakes(self) -> None:
        file = games_log(self._settings.data_dir)
        async for text in Tail(file).follow():
            self._progress.say(Text(f"\n{text.strip()}\n  ! a game has made a mistake, see {_from_here(file)}", "red"))

    async def _tell_saved(self, reloader: Reloader) -> None:
        """The terminal's part of `--reload`: it says that a game was saved, or what is wrong with it."""
        told = None
        while True:
            await asyncio.sleep(LOOK_S)
            if reloader.saved() is not None:
                self._progress.say("  saved: in the next round of every room")
            elif reloader.fault is not told and reloader.fault is not None:
                self._progress.say(Text(f"\n{reloader.fault}\n  ! rooms go on with the code of before", "red"))
            told = reloader.fault

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
        say_at = 0.0
        await asyncio.sleep(waits[min(failures, len(waits) - 1)])
        with self._progress.step(part.name):
            while True:
                try:
                    return await part.start()
                except (Failure, OSError) as failure:
                    failures += 1
                    if time.monotonic() >= say_at:
                        say_at = time.monotonic() + _SAY_AGAIN_S
                        self._progress.say(f"  ! {failure}")
                await asyncio.sleep(waits[min(failures, len(waits) - 1)])

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


def serve(
    settings: Settings,
    games: Sequence[Listed],
    ray: LocalRay,
    doors: Forks,
    in_ray: Forks,
    *,
    edges: int,
    bots: int,
) -> None:
    """Until Ctrl-C or SIGTERM, or an exception if the stack cannot be started."""
    reloader = Reloader(settings.games, settings.games_path, games) if settings.games_reload else None
    progress = StartProgress()
    stack = DevStack(settings, ray, doors, in_ray, edges=edges, bots=bots, progress=progress, reloader=reloader)
    asyncio.run(_run(stack, settings, progress))


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
