"""The feed's reader in docs/howto/backend.md, as a process that tests start and kill."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil

from kit.examples import example
from kit.stack import Truth, kill, until


class FeedReader:
    """The reader, as a process; what it prints is gathered in one file, whatever becomes of it."""

    def __init__(self, folder: Path, token: str, urls: list[str], **environment: str) -> None:
        self._told, self._urls = folder / "told", urls
        self._environment = {
            **os.environ,
            "PLACE": str(folder / "place"),
            "TAVOLA_TOKEN": token,
            "TAVOLA_URLS": " ".join(urls),
            **environment,
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = example("docs/howto/backend.md", "Last-Event-ID")
        with self._told.open("a") as out:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program), env=self._environment, stdout=out, stderr=out
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def kill(self) -> None:
        kill(self.pid)
        assert self.process is not None
        await self.process.wait()

    def reads_from(self) -> set[int]:
        """The ports that it is connected to."""
        return {each.raddr.port for each in psutil.Process(self.pid).net_connections() if each.raddr}

    def told(self, room: str) -> list[int]:
        """The seqs of a room, as they came."""
        lines = [line.split() for line in self._told.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [int(words[0].split(".")[1]) for words in lines if words[0].startswith(f"{room}.")]

    async def has(self, room: str, seq: int) -> None:
        await until(lambda: seq in self.told(room), f"{seq} of {room} was told")


async def nothing_is_missing(truth: Truth, reader: FeedReader) -> None:
    """Of any room: all that the log has, in order, but for what came again."""
    rows = await truth.rows("SELECT room_id, seq FROM log ORDER BY room_id, seq")
    logged: dict[str, list[int]] = {}
    for row in rows:
        logged.setdefault(row["room_id"], []).append(row["seq"])
    for room, seqs in logged.items():
        await reader.has(room, seqs[-1])
        told = reader.told(room)
        once = [seq for number, seq in enumerate(told) if seq > max(told[:number], default=0)]
        assert once[: len(seqs)] == seqs
