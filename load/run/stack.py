"""A stack of our own to load: `tavola dev` as a child, on a free port and an empty folder, stopped whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tavola.load.measure.processes import RunningStack, read_stack
from tavola.load.transport.http_client import Http
from tavola.stack.processes import PYTHON

READY_S = 90.0
STOP_S = 20.0
POLL_S = 0.1
LIMITS = {
    "TAVOLA_GUESTS_PER_MINUTE": "0",
    "TAVOLA_ROOMS_PER_USER": "0",
    "TAVOLA_ROOMS_OPENED_PER_MINUTE": "0",
    "TAVOLA_ROOM_ACTORS_PER_NODE": "100000",
    "TAVOLA_FRAMES_PER_SECOND": "0",
}
"""A user who asks for so many tables on a machine of theirs shall have them: limits are for strangers."""


class DidNotStart(Exception):
    """`log` is the end of what it said."""

    def __init__(self, why: str, log: str) -> None:
        super().__init__(f"tavola dev did not start: {why}")
        self.log = log


@contextlib.asynccontextmanager
async def own_stack(
    edges: int,
    rooms_per_actor: int,
    environment: Mapping[str, str] | None = None,
    checkout: Path | None = None,
) -> AsyncIterator[tuple[RunningStack, Path]]:
    """Starts a stack, with more settings if need be; gives it and its data folder, ready. Raises DidNotStart.

    Its players come from one address, so how many connections one may have is not limited. `checkout` is another
    working copy of Tavola, whose `.venv` has what it needs: the stack is then its."""
    data_dir = Path(tempfile.mkdtemp(prefix="tavola-load-"))
    os.chmod(data_dir, 0o711)  # the database runs as another user when we are root
    log = data_dir / "load.log"
    argv = [
        *(_its_python(checkout) if checkout else PYTHON),
        "-m",
        "tavola",
        "dev",
        "--port",
        "0",
        "--data-dir",
        str(data_dir),
    ]
    argv += ["--edges", str(edges)] if edges > 1 else []
    with log.open("wb") as out:
        # A session of its own: Ctrl-C is for us, and the server goes on until we have said goodbye.
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=checkout,
            env={**os.environ, **LIMITS, **_settings(rooms_per_actor), **(environment or {})},
        )
    try:
        yield await _ready(process, data_dir, log), data_dir
    finally:
        await asyncio.shield(_stop(process))
        shutil.rmtree(data_dir, ignore_errors=True)


def _its_python(checkout: Path) -> list[str]:
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        raise DidNotStart(f"there is no {python}: `make .venv/installed` in {checkout} first", "")
    return [str(python)]


def _settings(rooms_per_actor: int) -> dict[str, str]:
    return {"TAVOLA_ROOMS_PER_ACTOR": str(rooms_per_actor), "TAVOLA_CONNECTIONS_PER_ADDRESS": "0"}


async def _ready(process: Process, data_dir: Path, log: Path) -> RunningStack:
    why = f"not ready after {READY_S:.0f} s"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_S):
            while process.returncode is None:
                stack = read_stack(data_dir)
                if stack is not None and stack.url and await _answers(stack.url):
                    return stack
                await asyncio.sleep(POLL_S)
            why = f"exit code {process.returncode}"
    raise DidNotStart(why, _end_of(log))


async def _answers(url: str) -> bool:
    try:
        async with Http(url) as http:
            return (await http.request("GET", "/readyz")).status == 200
    except OSError:
        return False


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
