"""Comparing the view that was merged from patches with a fresh one, while the game goes on.

A fresh view is of the moment in which the server made it. So from the question until the answer the held view is kept
at every number, and the two are compared at the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from tavola.client.api import RequestRefused
from tavola.client.frames import Json, encode
from tavola.load.checks.verdict import CheckRecorder, compare

DEADLINE_S = 10.0
OLD_VIEWS = 3
"""So many views in a row that are older than what was already shown are a breach."""


class Comparison:
    """One bot's comparisons, one at a time. `fetch` gives the body of a fresh view; `search` sees it once it is due."""

    def __init__(
        self, witness: CheckRecorder, fetch: Callable[[], Awaitable[bytes]], search: Callable[[bytes, Json], None]
    ) -> None:
        self._witness = witness
        self._fetch = fetch
        self._search = search
        self._kept: dict[int, bytes] = {}
        self._newest = 0
        self._moved = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()

    @property
    def running(self) -> bool:
        return not self._free.is_set()

    async def ended(self) -> None:
        await self._free.wait()

    def took_in(self, seq: int, view: Json) -> None:
        """The held view is now at `seq`."""
        if self.running:
            self._kept[seq] = encode(view)
            self._newest = seq
            self._moved.set()

    async def run(self, seq: int, view: Json) -> None:
        """Compares once, from the held view at `seq` on. Never raises; what cannot be fetched is not counted."""
        if self.running:
            return
        self._free.clear()
        self.took_in(seq, view)
        awaited = seq
        try:
            async with asyncio.timeout(DEADLINE_S):
                for _ in range(OLD_VIEWS):
                    body = await self._fetch()
                    fresh: Json = msgspec.json.decode(body)
                    if not isinstance(fresh.get("seq"), int):
                        return  # of no moment at all: found by who judges its skeleton
                    awaited = fresh["seq"]
                    while self._newest < awaited:
                        self._moved.clear()
                        await self._moved.wait()
                    if awaited in self._kept and not fresh.get("stale"):
                        compare(self._witness, awaited, msgspec.json.decode(self._kept[awaited]), fresh)
                        self._search(body, fresh)
                        return
            if not fresh.get("stale"):
                self._witness.violated("views", awaited, f"expected a fresh view at {seq} or later, not at {awaited}")
        except TimeoutError:
            if self._newest < awaited:
                late = f"expected update {awaited} within {DEADLINE_S:.0f} s; the last is {self._newest}"
                self._witness.violated("views", awaited, late)
        except (OSError, RequestRefused):
            pass
        finally:
            self._kept.clear()
            self._free.set()
