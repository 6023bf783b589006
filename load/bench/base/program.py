"""A program that does one thing for us and ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from tavola.load.bench.base.reports import NoResult
from tavola.stack.processes import PYTHON


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one system's data and logs. Others may pass through it, as the database does when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="tavola-peers-"))
    os.chmod(folder, 0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def migrate(url: str, folder: Path) -> None:
    """On return our tables are there. `folder` is for what it leaves. Raises NoResult."""
    await run("tavola migrate", [*PYTHON, "-m", "tavola", "migrate"], _settings(url), folder)


async def run(name: str, argv: list[str], env: Mapping[str, str], folder: Path) -> None:
    """On return the program has done its work. Raises NoResult."""
    child = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT, cwd=folder, env={**os.environ, **env}
    )
    try:
        out, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise NoResult(name, f"exit code {child.returncode}", out.decode(errors="replace")[-2000:])


def _settings(url: str) -> dict[str, str]:
    """Of a `tavola` that only migrates. It asks for the rest, too, and uses none of it."""
    nobody = {"REDIS_URL": "redis://127.0.0.1:1", "RAY_ADDRESS": "127.0.0.1:1"}
    return {"DATABASE_URL": url, "TAVOLA_JWT_SECRET": token_hex(32), **nobody}
