"""An edge that is killed by the load: whose return is waited for, and how long it took."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import Any, cast

import psutil
import pytest

from tavola.client.client import Client
from tavola.load.run import edge_kill
from tavola.load.run.edge_kill import kill_edge

HERE, THERE = "http://127.0.0.1:1", "http://127.0.0.1:2"


class Player:
    """As a client, as far as it is asked: back as soon as the edge is dead, or never."""

    def __init__(self, url: str, edge: subprocess.Popen[bytes], *, returns: bool = True) -> None:
        self.url = url
        self._edge, self._returns = edge, returns
        self.asked = False

    def back_again(self) -> asyncio.Future[None]:
        self.asked = True
        back: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def return_() -> None:
            await asyncio.to_thread(self._edge.wait)
            back.set_result(None)

        if self._returns:
            self.task = asyncio.create_task(return_())
        return back


def test_those_of_the_edge_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_kill, "BACK_WITHIN_S", 1.0)

    async def main(edge: subprocess.Popen[bytes]) -> None:
        lost = [Player(HERE, edge), Player(HERE, edge), Player(HERE, edge, returns=False)]
        untouched = Player(THERE, edge)
        players = cast(list[Client[Any, Any]], [*lost, untouched])
        killed = await kill_edge(psutil.Process(edge.pid), HERE, players)
        assert (killed.sockets, killed.missing, killed.back_ms.count) == (3, 1, 2)
        assert 0 < killed.back_ms.p50 <= killed.back_ms.max
        assert not untouched.asked

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as edge:
        asyncio.run(main(edge))
        assert edge.wait() == -signal.SIGKILL
