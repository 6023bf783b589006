"""Webhooks on a stack that runs, received by the program in docs/howto/backend.md: the edges are killed, and the
receiver, and it was sent every update, each room's in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from kit.client import reachable
from kit.command import said, tavola
from kit.examples import example
from kit.stack import Stack, kill, until
from kit.table import table

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]


class Program:
    """The receiver, as a process; what it prints is gathered in one file."""

    def __init__(self, folder: Path, secret: str, port: int) -> None:
        self._told = folder / "told"
        self._environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._told.open("a") as out:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", example("docs/howto/backend.md", "compare_digest")),
                env=self._environment,
                stdout=out,
                stderr=asyncio.subprocess.DEVNULL,
            )

    async def end(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None

    def told(self, room: str) -> list[int]:
        """The seqs of a room, as they came."""
        lines = [line.split() for line in self._told.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [int(words[0].split(".")[1]) for words in lines if words[0].startswith(f"{room}.")]

    async def has(self, room: str, seq: int) -> None:
        await until(lambda: seq in self.told(room), f"{seq} of {room} was sent")


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


async def test_whatever_dies(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    code, secret = await tavola(stack, "webhook", "add", "sent", url, "--game", "holdem")
    assert code == 0, secret
    receiver = Program(tmp_path, secret.strip(), port)
    try:
        async with table(stack, edges=(0,)) as t:
            await receiver.start()
            await receiver.has(t.room, (await t.move())["seq"])

            await receiver.end()
            ack = await t.host.command("chat", text="Is it away?")
            t.note(t.host, ack)

            async def fails() -> bool:
                return bool(await t.truth.value("SELECT failed FROM webhooks") == "ConnectError")

            await until(fails, "it was tried in vain")
            dead = [stack.pid_of("edges", number) for number in (0, 1)]
            for pid in dead:
                kill(pid)
            await receiver.start()
            await receiver.has(t.room, ack["seq"])
            await until(lambda: reachable(stack.urls[0]), "an edge is back")
            for each in t.everybody:
                await each.follow(stack.urls[0])
            await t.play_to_the_end()
            await t.check()
            last = (await t.owner()).seq
            await receiver.has(t.room, last)
            told = receiver.told(t.room)
            once = [seq for number, seq in enumerate(told) if seq > max(told[:number], default=0)]
            assert once == list(range(1, once[-1] + 1))
        [hook] = await said(stack, "webhook", "list")
        assert (hook["name"], hook["url"], hook["game"], hook["dead"]) == ("sent", url, "holdem", 0)
        assert hook["delivered_at"] is not None
        letters, (code, printed) = await asyncio.gather(
            said(stack, "webhook", "dead", "sent"), tavola(stack, "webhook", "retry", "sent")
        )
        assert letters == []
        assert (code, "no such dead letter" in printed) == (1, True)
    finally:
        await receiver.end()
        code, printed = await tavola(stack, "webhook", "remove", "sent")
    assert (code, printed.strip()) == (0, "sent: removed")
