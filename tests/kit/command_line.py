"""`tavola`, the program, on a database of the test's own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

NOBODY = {"REDIS_URL": "redis://127.0.0.1:1", "RAY_ADDRESS": "127.0.0.1:1", "TAVOLA_JWT_SECRET": "s" * 32}
"""The rest of a deployment: asked for by every command, and not there."""


async def tavola(url: str, folder: Path, *words: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """The exit code of `tavola WORDS`, and all that it printed and complained of. `folder` is where it runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tavola",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "DATABASE_URL": url, **NOBODY, **(env or {})},
    )
    out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()
