"""An edge that the load asks to end: each of its players was away from when they were let go until they are back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import psutil
import pytest

from tavola.client.client import Client
from tavola.load.measure.scenario import Scenario
from tavola.load.run import edge_drain
from tavola.load.run.edge_drain import drain_edge

HERE, THERE = "http://127.0.0.1:1", "http://127.0.0.1:2"


class LetGo:
    """As a client, as far as it is asked: let go when the edge ends, turned away so many times, and back; or never."""

    def __init__(self, url: str, edge: subprocess.Popen[bytes], *, turned_away: int = 0, returns: bool = True) -> None:
        self.url = url
        self.on_lost: Callable[[int, str], None] | None = self._heard
        self.lost: list[int] = []
        self._edge, self._returns, self._turned_away = edge, returns, turned_away

    def _heard(self, code: int, reason: str) -> None:
        self.lost.append(code)

    def back_again(self) -> asyncio.Future[None]:
        back: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def leave() -> None:
            await asyncio.to_thread(self._edge.wait)
            assert self.on_lost is not None
            for code in (1012, *[1013] * self._turned_away):
                self.on_lost(code, "")
            if self._returns:
                back.set_result(None)

        self.task = asyncio.create_task(leave())
        return back


def test_those_of_the_edge_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_drain, "BACK_WITHIN_S", 1.0)

    async def main(edge: subprocess.Popen[bytes]) -> None:
        leaving = [LetGo(HERE, edge), LetGo(HERE, edge, turned_away=2), LetGo(HERE, edge, returns=False)]
        untouched = LetGo(THERE, edge)
        players = cast(list[Client[Any, Any]], [*leaving, untouched])
        drained = await drain_edge(psutil.Process(edge.pid), HERE, players)
        assert (drained.sockets, drained.missing, drained.turned_away, drained.gap_ms.count) == (3, 1, 2, 2)
        assert drained.gap_ms.max < 1000 * drained.took_s
        assert [each.lost for each in leaving] == [[1012], [1012, 1013, 1013], [1012]], "they hear it themselves too"
        assert untouched.lost == []

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as edge:
        asyncio.run(main(edge))
        assert edge.wait() == -signal.SIGTERM


def test_all_begin_on_the_edge_that_ends_and_go_on_to_the_others_alike() -> None:
    edges = ("a", "b", "c")
    drained = Scenario(urls=edges, drain_edge=True)
    assert [drained.urls_of(socket) for socket in range(3)] == [["c", "a", "b"], ["c", "b", "a"], ["c", "a", "b"]]
    assert [Scenario(urls=edges).urls_of(socket)[0] for socket in range(4)] == ["a", "b", "c", "a"]
    assert Scenario(urls=("a",)).urls_of(5) == ["a"]
