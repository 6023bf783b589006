"""A bot that takes everything in and judges it: see `load.checks.verdict`, `load.checks.skeleton`,
`load.checks.holdem`, `load.checks.comparison`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Protocol

from msgspec import UNSET

from tavola.client.client import Client
from tavola.client.frames import Ack, ErrorReceived, Frame, Hydrated, Json, UpdateReceived
from tavola.client.room import Answer, Unanswered
from tavola.client.view import FullView
from tavola.load.bots.bot import ROUND_ENDS, Bot, Surroundings
from tavola.load.checks.comparison import Comparison
from tavola.load.checks.holdem import Cards, Chips, Deal
from tavola.load.checks.skeleton import Skeleton
from tavola.load.checks.verdict import Actions, CheckRecorder


class Judged(Surroundings, Protocol):
    """The part of a table that a checked bot needs."""

    deal: Deal | None
    """Given for hold'em only."""

    def whose_comparison(self, seq: int) -> int | None:
        """The number of the one bot that compares its view when the hand ended with `seq`; None: all of them do."""

    def compare(self, comparing: Coroutine[Any, Any, None]) -> None:
        """Lets a comparison run beside the game."""


class CheckedBot(Bot[Json, list[Json]]):
    """Plays as any bot does. `fetch` gives the body of a fresh view for its user."""

    _table: Judged

    def __init__(
        self,
        table: Judged,
        client: Client[Json, list[Json]],
        chance: Random,
        witness: CheckRecorder,
        fetch: Callable[[], Awaitable[bytes]],
    ) -> None:
        super().__init__(table, client, chance, witness)
        self._actions = Actions(witness)
        self._cards = Cards(witness, table.deal) if table.deal is not None else None
        self._chips: Chips | None = None
        self._judging = True
        self._skeleton = Skeleton(witness)
        self._fetch = fetch
        self._comparison = Comparison(witness, self._fetched, self._search)
        client.on_frame = self._frame

    @property
    def view(self) -> Json:
        assert self.room is not None
        assert isinstance(self.room.view, FullView)
        return self.room.view.data

    def compare(self) -> None:
        """Starts a comparison with a fresh view, unless one is under way."""
        if self.room is not None and self._judging and not self._comparison.running:
            self._table.compare(self._comparison.run(self.room.seq, self.view))

    async def compare_now(self) -> None:
        """One more comparison, after the one that is under way."""
        while self._comparison.running:
            await self._comparison.ended()
        if self.room is not None:
            await self._comparison.run(self.room.seq, self.view)

    def stop_judging(self) -> None:
        """From here on the bots leave, and what they see is no concern of the checks."""
        self._judging = False
        self.client.on_frame = None
        self._cards = self._chips = None

    def updated(self, update: UpdateReceived[Json, list[Json]]) -> None:
        room = self.room
        if room is not None:
            view = self.view
            self.witness.checked("order")
            if self._judging and update.patch is not UNSET:
                self._skeleton.merged(update.seq, view)
            self._actions.updated(update.seq, update.events, room.view.my_seat)
            if self._cards is not None:
                self._cards.updated(update.seq, update.events, view)
                if self._chips is None and self._judging and self._table.buy_in is not None:
                    self._chips = Chips(self.witness, self._table.buy_in)
                if self._chips is not None:
                    self._chips.updated(update.seq, update.events, view)
            self._comparison.took_in(update.seq, view)
            if self._ends_round(update.events) and self._table.whose_comparison(update.seq) in (self.index, None):
                self.compare()
        super().updated(update)

    def hydrated(self, frame: Hydrated[Json], before: int) -> None:
        self._actions.jumped(frame.seq)
        if self._judging:
            self._skeleton.hydrated(frame.seq, frame.view)
        if self._cards is not None:
            self._cards.hydrated(frame)
        if self._chips is not None:
            self._chips.hydrated(frame.view)
        self._comparison.took_in(frame.seq, frame.view)
        super().hydrated(frame, before)

    def _ends_round(self, events: list[Json]) -> bool:
        return len(events) > 1 and any(event["kind"] in ROUND_ENDS for event in events)

    def _frame(self, data: bytes, frame: Frame[Json, list[Json]]) -> None:
        if isinstance(frame, ErrorReceived) and frame.id is None and frame.retry_after_ms is None:
            self.witness.violated(
                "frames", self._seq, f"expected no refusal of our frames; {frame.code}: {frame.message}"
            )
        if self._cards is None:
            return
        if isinstance(frame, Hydrated):
            self._cards.search_view(data, frame.view)
        else:
            self._cards.search(data)

    async def _fetched(self) -> bytes:
        body = await self._fetch()
        self._skeleton.fetched(self._seq, body)
        return body

    def _search(self, data: bytes, view: Json) -> None:
        if self._cards is not None:
            self._cards.search_view(data, view)

    def _acted(self, answer: Answer, command: Unanswered) -> None:
        if isinstance(answer, Ack) and self.room is not None:
            self._actions.acked(answer.seq, self.room.seq)
        super()._acted(answer, command)
