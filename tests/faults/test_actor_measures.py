"""An actor is killed and buried: the counters that it filled stay as high as they were, on every edge, and go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kit.client import Api
from kit.stack import Stack, kill, until
from kit.table import table

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

Sums = dict[tuple[str, str], float]
ROWS = ("tavola_log_rows_total", "")


async def told(api: Api) -> Sums:
    """The counters of hold'em at an edge, by name and bucket."""
    text = (await api.request("GET", "/metrics")).text
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("game") == "holdem"
    }


async def never_less(api: Api, until_set: asyncio.Event) -> int:
    """Look at an edge again and again; how often."""
    seen, looks = await told(api), 0
    while not until_set.is_set():
        found = await told(api)
        assert {key: was for key, was in seen.items() if found[key] < was} == {}
        seen, looks = found, looks + 1
        await asyncio.sleep(0.1)
    return looks


async def test_a_killed_actors_counters_stay_and_go_on(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t, AsyncExitStack() as apis:
        edges = [await apis.enter_async_context(Api(url)) for url in stack.urls]
        for _ in range(4):
            await t.move()
        before = await t.owner()

        async def rows_of_actor() -> int:
            found = await t.truth.value(
                "SELECT (measured -> 'holdem' ->> 'rows')::integer FROM room_actors WHERE name = $1", before.actor
            )
            return found or 0

        logged = await t.truth.value("SELECT count(*) FROM log WHERE room_id = $1", t.room)
        await until(partial(_at_least, rows_of_actor, logged), "the actor's beat")
        mine = await rows_of_actor()
        for api in edges:
            await until(partial(_shows, api, mine), "an edge's look")
        done = asyncio.Event()
        async with asyncio.TaskGroup() as watching:
            looks = [watching.create_task(never_less(api, done)) for api in edges]
            high = [(await told(api))[ROWS] for api in edges]
            kill(before.pid)
            await t.truth.rows(
                "UPDATE room_actors SET alive_at = alive_at - interval '1 minute' WHERE name = $1", before.actor
            )
            there = "SELECT count(*) FROM room_actors WHERE name = $1"
            await until(lambda: _none(t.truth.value(there, before.actor)), "it is buried")
            kept = "SELECT value FROM measured_totals WHERE game = 'holdem' AND name = 'rows'"
            assert await t.truth.value(kept) >= mine
            await t.move()
            assert (await t.owner()).pid != before.pid
            for api, was in zip(edges, high, strict=True):
                await until(partial(_shows, api, was + 1), "what its successor does")
            done.set()
        assert min(look.result() for look in looks) > 5
        await t.play_to_the_end()
        await t.check()


async def _at_least(count: Callable[[], Awaitable[int]], least: int) -> bool:
    return await count() >= least


async def _shows(api: Api, least: float) -> bool:
    return (await told(api)).get(ROWS, 0) >= least


async def _none(count: Awaitable[int]) -> bool:
    return await count == 0
