"""Asking together: while one question is under way, those who come meanwhile gather, and the next one is for all of
them. So batches form by themselves, and nobody waits for a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

TOGETHER = 100
"""In one batch at most."""


class Batched(Generic[K, V]):
    """`ask` gives an answer for each of a batch, in its order; whatever it raises is raised to all of them."""

    def __init__(self, ask: Callable[[list[K]], Awaitable[list[V]]], most: int = TOGETHER) -> None:
        self._ask = ask
        self._most = most
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def __call__(self, key: K) -> V:
        """The answer for `key`. Whether it was asked when this is cancelled nobody knows."""
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, answer))
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._run())
        return await answer

    async def _run(self) -> None:
        batch: list[tuple[K, asyncio.Future[V]]] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                batch = [(key, answer) for key, answer in batch if not answer.done()]  # The others were cancelled.
                if batch:
                    await self._answer(batch)
        finally:
            self._asking = None
            for _, answer in (*batch, *self._waiting):  # Of which there are some only if this was cancelled.
                answer.cancel()
            self._waiting.clear()

    async def _answer(self, batch: list[tuple[K, asyncio.Future[V]]]) -> None:
        try:
            answers = await self._ask([key for key, _ in batch])
            assert len(answers) == len(batch), f"{len(answers)} answers to {len(batch)}"
        except Exception as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), value in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(value)
