"""Asking together: every question has its own answer, in however few batches, and an error is everybody's in it."""

from __future__ import annotations

import asyncio

import pytest

from tavola.config.batched import Batched


class Asked:
    """Doubles numbers, one batch at a time, each when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.under_way = 0

    async def __call__(self, batch: list[int]) -> list[int]:
        self.under_way += 1
        assert self.under_way == 1, "one at a time"
        self.batches.append(batch)
        await self.go_on.wait()
        self.under_way -= 1
        if 13 in batch:
            raise LookupError("13")
        return [2 * number for number in batch]


async def test_those_who_come_meanwhile_are_asked_for_together() -> None:
    asked = Asked()
    doubled = Batched(asked, most=3)
    first = asyncio.create_task(doubled(1))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(doubled(number)) for number in (2, 3, 4, 5)]
    await asyncio.sleep(0.01)
    assert asked.batches == [[1]]
    asked.go_on.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
    assert asked.batches == [[1], [2, 3, 4], [5]]
    assert await doubled(6) == 12, "and afterwards it goes on"


async def test_an_error_is_that_batch_s_alone() -> None:
    asked = Asked()
    doubled = Batched(asked, most=2)
    asked.go_on.set()
    answers = await asyncio.gather(*(doubled(number) for number in (1, 13, 3)), return_exceptions=True)
    assert isinstance(answers[0], LookupError)
    assert isinstance(answers[1], LookupError)
    assert answers[2] == 6


async def test_whoever_is_cancelled_takes_nobody_along() -> None:
    asked = Asked()
    doubled = Batched(asked)
    one = asyncio.create_task(doubled(1))
    await asyncio.sleep(0.01)
    two, three = asyncio.create_task(doubled(2)), asyncio.create_task(doubled(3))
    await asyncio.sleep(0.01)
    one.cancel()
    two.cancel()
    asked.go_on.set()
    assert await three == 6
    assert asked.batches == [[1], [3]]
    for cancelled in (one, two):
        with pytest.raises(asyncio.CancelledError):
            await cancelled
