"""One table: its state, and its actions one after the other. With a store nobody is told what is not committed."""

from __future__ import annotations

import asyncio
import time

from tavola.load.bench.peers.python.game import Json, opened, play
from tavola.load.bench.peers.python.store import Store


class PeerTable:
    def __init__(self, room: str, store: Store | None) -> None:
        self.room = room
        self.seq = 0
        self._state = opened()
        self._store = store
        self._acting = asyncio.Lock()

    async def open(self) -> None:
        if self._store is not None:
            await self._store.open(self.room, self._state)

    def view(self) -> Json:
        return {"room": self.room, "seq": self.seq, **self._shown()}

    async def act(self, seat: int, user: str, action: Json) -> Json | str:
        """The update, durable if there is a store; or the code of a refusal."""
        if self._store is None:
            return self._decide(seat, action)
        async with self._acting:
            update = self._decide(seat, action)
            if not isinstance(update, str):
                await self._store.commit(update, self._state, user, action)
            return update

    def _decide(self, seat: int, action: Json) -> Json | str:
        outcome = play(self._state, seat, action)
        if isinstance(outcome, str):
            return outcome
        self._state, events = outcome
        self.seq += 1
        at = time.time_ns() // 1_000_000
        return {"room": self.room, "seq": self.seq, "at": at, "events": events, **self._shown()}

    def _shown(self) -> Json:
        state = self._state
        return {"game": {"number": state["number"], "board": state["board"]}, "turn": state["turn"]}
