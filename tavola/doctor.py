"""`tavola doctor`: is what Tavola needs here, and fit? A check gives rows; the exit code is 1 if one is not fit."""

import asyncio
import json
import os
import platform
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import asyncpg
import httpx
import redis.exceptions
import structlog

from tavola.config.settings import Settings, SettingsError, load, read_stack
from tavola.storage.growth import growth, told
from tavola.storage.postgres import Conflict, Database, StorageUnavailable, alone
from tavola.storage.redis_address import RedisAddress

_TIMEOUT_S = 5.0
_OPEN_FILES = 4096
"""An edge needs one for each socket. It raises its own limit to the most that it may."""
_CLOCK_SKEW_MS = 1000.0
"""Turn clocks are compared with the database's time."""
_FSYNC_MS = 20.0
"""A commit waits for one; beyond this every move feels it."""
_FREE_BYTES = 1 << 30
_FULL_DAYS = 3.0
_SILENT_S = 3.0
"""A steward that lives beats once a second."""
_WISH_S = 5.0
"""A room actor is there after a second or two."""
_POSTGRES = 140000
_FREE_CONNECTIONS = 10
"""An edge takes up to 16 connections when it is busy."""
_REDIS = (6, 2)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    name: str
    fit: bool
    found: str


def run(*, as_json: bool) -> int:
    """Prints the findings; 0 if all are fit. Events of the log go beside them, not among them."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    findings = asyncio.run(examine())
    fit = all(each.fit for each in findings)
    if as_json:
        print(json.dumps({"fit": fit, "findings": [asdict(each) for each in findings]}, indent=2))
    else:
        _show(findings)
    return 0 if fit else 1


async def examine() -> list[CheckResult]:
    """All checks; one that fails does not keep the others from running."""
    machine = [_python(), _open_files()]
    try:
        settings = load()
    except SettingsError as error:
        return [*machine, CheckResult(name="settings", fit=False, found=str(error))]
    urls = read_stack(settings.data_dir).get("urls") or [f"http://{settings.host}:{settings.port}"]
    reachable = await asyncio.gather(
        _guarded("postgres", _postgres(settings)),
        _guarded("storage growth", _growth(settings)),
        _guarded("nodes", _nodes(settings)),
        _guarded("redis", _redis(settings)),
        _guarded("ray", _ray(settings)),
        *(_guarded(f"edge {url}", _edge(url)) for url in urls),
    )
    folder = settings.data_dir if settings.data_dir.exists() else Path.cwd()
    return [
        *machine,
        _space(folder),
        await asyncio.to_thread(_fsync, folder),
        *(row for rows in reachable for row in rows),
    ]


async def _guarded(name: str, check: Awaitable[list[CheckResult]]) -> list[CheckResult]:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await check
    except TimeoutError:
        return [CheckResult(name=name, fit=False, found=f"no answer within {_TIMEOUT_S:.0f} s")]
    except (
        StorageUnavailable,
        Conflict,
        OSError,
        asyncpg.PostgresError,
        redis.exceptions.RedisError,
        httpx.HTTPError,
    ) as error:
        return [CheckResult(name=name, fit=False, found=f"{type(error).__name__}: {error}".splitlines()[0])]


_TAKEN = """
SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS taken, current_setting('max_connections')::integer
       - current_setting('superuser_reserved_connections')::integer
       - coalesce(current_setting('reserved_connections', true), '0')::integer AS most
FROM pg_stat_activity
"""


async def _postgres(settings: Settings) -> list[CheckResult]:
    try:
        async with alone(settings.database_url) as connection, connection.transaction():
            connections = await connection.fetchrow(_TAKEN)
            number = int(await connection.fetchval("SHOW server_version_num"))
            durable = {name: await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")}
            asked = time.time()
            theirs = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
            ours = (asked + time.time()) / 2
    except StorageUnavailable as error:
        name = "postgres connections" if error.full else "postgres"
        return [CheckResult(name=name, fit=False, found=str(error))]
    skew = abs(theirs - ours) * 1000
    return [
        CheckResult(name="postgres", fit=number >= _POSTGRES, found=f"version {number // 10000}.{number % 10000}"),
        CheckResult(
            name="postgres connections",
            fit=connections["most"] - connections["taken"] >= _FREE_CONNECTIONS,
            found=f"{connections['taken']} of {connections['most']} taken",
        ),
        CheckResult(
            name="postgres durability",
            fit=durable["fsync"] == "on" and durable["synchronous_commit"] != "off",
            found=", ".join(f"{name} {value}" for name, value in durable.items()),
        ),
        CheckResult(name="clock against postgres", fit=skew < _CLOCK_SKEW_MS, found=f"{skew:.1f} ms apart"),
    ]


async def _growth(settings: Settings) -> list[CheckResult]:
    """As the steward measured it."""
    database = await Database.connect(settings.database_url, least=1, most=1)
    try:
        found = await growth(database)
    finally:
        await database.close()
    if found is None:
        return [
            CheckResult(name="storage growth", fit=True, found="not measured yet: the steward does so as it starts")
        ]
    days, a_day = found.full_in_days, found.database.a_day
    most = [each for each in found.tables if each.a_day][:3]
    parts = [told(found.database.bytes)]
    if a_day is None:
        parts.append("growth not known before an hour")
    else:
        of = ", ".join(f"{each.name} {told(each.a_day or 0)}" for each in most)
        parts.append(f"{told(a_day)} more a day{f' ({of})' if of else ''}")
    free = "free space not known (TAVOLA_DATABASE_DISK_GB)" if found.free is None else f"{told(found.free)} free"
    parts.append(free if days is None else f"{free}, full in {days:.1f} days")
    return [CheckResult(name="storage growth", fit=days is None or days > _FULL_DAYS, found="; ".join(parts))]


async def _nodes(settings: Settings) -> list[CheckResult]:
    """As their stewards beat in the database."""
    database = await Database.connect(settings.database_url, least=1, most=1)
    try:
        nodes = await database.rows("node_states")
        wishes = await database.row("waiting_wishes")
    finally:
        await database.close()
    if not nodes:
        found = "none: no steward beats, so no room actor is started (`tavola node`, `tavola steward`)"
        return [CheckResult(name="nodes", fit=False, found=found)]
    found = "; ".join(
        f"{node['address']} silent for {node['silent_s']:.0f} s"
        if node["silent_s"] > _SILENT_S
        else f"{node['address']} {node['actors']} of {node['most']} room actors"
        f"{', does the rounds' if node['does_rounds'] else ''}"
        for node in nodes
    )
    fit = all(node["silent_s"] <= _SILENT_S for node in nodes)
    checks = [CheckResult(name="nodes", fit=fit, found=found)]
    if wishes is not None and wishes["oldest_s"] > _WISH_S:
        late = f"{wishes['waiting']} wished for and not started, the first for {wishes['oldest_s']:.0f} s"
        checks.append(CheckResult(name="room actors", fit=False, found=late))
    return checks


async def _redis(settings: Settings) -> list[CheckResult]:
    address = RedisAddress(settings.redis_url)
    client = address.client(within_s=_TIMEOUT_S)
    try:
        found = str((await client.info("server"))["redis_version"])
    finally:
        await client.aclose(close_connection_pool=True)
    fit = tuple(map(int, found.split(".")[:2])) >= _REDIS
    where = f", the master {address.master} of the Sentinels" if address.master else ""
    return [CheckResult(name="redis", fit=fit, found=f"version {found}{where}")]


async def _ray(settings: Settings) -> list[CheckResult]:
    host, _, port = settings.ray_address.rpartition(":")
    if not port.isdigit():
        return [CheckResult(name="ray", fit=True, found=f"{settings.ray_address} (not looked at: no host:port)")]
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()
    return [CheckResult(name="ray", fit=True, found=f"{settings.ray_address}, version here {version('ray')}")]


async def _edge(url: str) -> list[CheckResult]:
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as client:
        answer = await client.get(f"{url}/readyz")
    return [CheckResult(name=f"edge {url}", fit=answer.status_code == 200, found=answer.text.strip()[:200])]


def _python() -> CheckResult:
    found = f"{platform.python_version()}, tavola {version('tavola')}, {platform.system()} {platform.release()}"
    return CheckResult(name="python", fit=sys.version_info >= (3, 11), found=found)


def _open_files() -> CheckResult:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    fit = most == resource.RLIM_INFINITY or most >= _OPEN_FILES
    return CheckResult(name="open files", fit=fit, found=f"at most {most}, needs {_OPEN_FILES}")


def _space(folder: Path) -> CheckResult:
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free at {folder}"
    if "discard" in mount_options(folder):
        found += "; mounted with `discard`: a Postgres here is slow while big files go (better `nodiscard` and fstrim)"
    return CheckResult(name="disk space", fit=free >= _FREE_BYTES, found=found)


def mount_options(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> set[str]:
    """The options of the mount that holds a folder; none where that cannot be read."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return set()
    best, options = Path(), set[str]()
    for line in lines:
        _, where, _, given, *_ = line.split()
        at = Path(where.encode().decode("unicode_escape"))
        if folder.absolute().is_relative_to(at) and len(at.parts) >= len(best.parts):
            best, options = at, set(given.split(","))
    return options


def _fsync(folder: Path) -> CheckResult:
    """The median of a few writes of a page, as Postgres does them."""
    probe = folder / f".fsync-{os.getpid()}"
    try:
        with open(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            times = []
            for _ in range(20):
                os.pwrite(out.fileno(), b"\0" * 8192, 0)
                begun = time.perf_counter()
                os.fdatasync(out.fileno())
                times.append((time.perf_counter() - begun) * 1000)
    except OSError as error:
        return CheckResult(name="disk sync", fit=False, found=str(error))
    finally:
        probe.unlink(missing_ok=True)
    median = statistics.median(times)
    return CheckResult(
        name="disk sync", fit=median < _FSYNC_MS, found=f"{median:.2f} ms at the median, {max(times):.2f} at most"
    )


def _show(findings: list[CheckResult]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for each in findings:
        mark = Text("✓", "green") if each.fit else Text("✗", "red")
        table.add_row(mark, Text(each.name), Text(each.found))
    Console(highlight=False, soft_wrap=True).print(table)
