"""`tavola`'s commands, run as an operator runs them beside a stack."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from kit.stack import Stack


async def tavola(stack: Stack, *words: str, **more: str) -> tuple[int, str]:
    """Exit code, and what was printed; with `--json`, for programs alone. `more` is in its environment."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tavola", *words),
        env={**environment, "TAVOLA_DATA_DIR": str(stack.folder), **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL if "--json" in words else asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def said(stack: Stack, *words: str) -> Any:
    code, printed = await tavola(stack, *words, "--json")
    assert code == 0, printed
    return json.loads(printed)
