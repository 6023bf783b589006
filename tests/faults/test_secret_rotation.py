"""The deployment's secret: a stack with another one stays away, and while one takes the place of another nobody loses a
seat."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from kit.client import Api, Identity
from kit.stack import FOREIGN, Stack, Truth, until
from kit.table import table
from kit.tokens import Returning
from tavola.stack.local_ray import LocalRay
from tavola.storage.fingerprint import LAGGING_S

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

OLD, NEW = "the secret that was in use so far", "the one that takes its place, say"


# Another secret


@pytest.mark.parametrize("command", [("dev", "--port", "0"), ("edge",), ("steward",)], ids=lambda command: command[0])
async def test_a_stack_with_another_secret_refuses_to_start(
    stack: Stack, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """On the same database, Redis and Ray, as a second deployment that was pointed at the wrong ones."""
    async with table(stack) as t:
        await t.move()
        before = await t.owner()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        there = {**stack.described["environment"], "TAVOLA_PORT": "0", "TAVOLA_DATA_DIR": str(tmp_path / "data")}
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tavola", *command],
            env={**clean, **there, "TAVOLA_JWT_SECRET": NEW},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert "TAVOLA_JWT_SECRET: is not the secret that this database is used with" in ended.stderr
        assert NEW not in ended.stdout + ended.stderr
        await t.move()
        assert (await t.owner()).epoch == before.epoch, "and takes no room from anybody"
        await t.play_to_the_end()
        await t.check()


# Rotation


class Rolling:
    """The stack that is newest, by the time that it is asked."""

    def __init__(self, stack: Stack) -> None:
        self.now = stack

    @property
    def urls(self) -> list[str]:
        return self.now.urls

    def truth(self) -> AbstractAsyncContextManager[Truth]:
        return self.now.truth()


@pytest.fixture
def ray(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that lead to a Ray of the test's own, whose actors outlive the stacks: with room for all in one."""
    server = LocalRay(tmp_path / "given")
    try:
        yield {"RAY_ADDRESS": asyncio.run(server.start()), **server.environment, "TAVOLA_ROOMS_PER_ACTOR": "50"}
    finally:
        asyncio.run(server.stop())


@pytest.mark.long
async def test_nobody_loses_a_seat_while_the_secret_is_replaced(
    tmp_path: Path, database_url: str, redis_url: str, ray: dict[str, str]
) -> None:
    """Three roll-outs, as howto/cluster.md has them; each stack comes while the one before it runs. A user who goes
    from one to the next has nothing but what they were given: a seat token, a rejoin token, an identity token."""
    given: dict[str, Any] = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **ray}

    def made(name: str, newest: str, other: str = "") -> Stack:
        also: dict[str, Any] = {"TAVOLA_JWT_SECRET_OTHER": other} if other else {}
        return Stack(tmp_path / name, **given, TAVOLA_JWT_SECRET=newest, **also)

    stacks = [made("was", OLD), made("one", OLD, NEW), made("two", NEW, OLD), made("three", NEW)]
    rolling = Rolling(stacks[0])
    try:
        await asyncio.to_thread(stacks[0].start)
        async with table(cast(Stack, rolling), kind=Returning) as t:
            ann, ben, cleo = cast("list[Returning]", t.players)
            [eye] = t.watchers
            await t.move()
            for before, after in pairwise(stacks):
                first = await t.owner()
                await asyncio.to_thread(after.start)
                rolling.now = after
                [url], [old_url] = after.urls, before.urls
                await t.move()  # Everybody is still at the stack before.
                assert (await ann.back(url, seat_token=ann.given("seat_token")))["user_id"] == ann.who.user
                await ben.back(url)
                await t.move()

                async with Api(url) as api:
                    await _comes_and_goes(api, t.room, f"New at {after.folder.name}", url, old_url)
                    eye.who = Identity(*eye.who[:2], (await api.ok("POST", "/api/session", eye.who, {}))["token"])
                    cleo.who = Identity(*cleo.who[:2], (await api.ok("POST", "/api/session", cleo.who, {}))["token"])
                await cleo.follow(url)
                await eye.follow(url)
                await asyncio.to_thread(before.stop)
                rolled_out = time.monotonic()
                # Between two roll-outs docs/howto/cluster.md waits a minute.
                await until(lambda: time.monotonic() > rolled_out + LAGGING_S + 15, "what lagged has ended", 90)  # noqa: B023
                assert (await t.owner()).epoch > first.epoch, "its actor had the secrets of before"
                await t.move()

            turns = await t.truth.rows("SELECT other FROM deployment_secrets ORDER BY turn")
            assert [turn["other"] is not None for turn in turns] == [False, True, True, False]
            said = "".join(each.said_by_edge(1) for each in stacks)
            assert "redis.up" in said
            assert "redis.not_opened" not in said, "what was published was opened by all"
            await t.play_to_the_end()
            await t.check()
    finally:
        for each in stacks:
            each.stop()


async def _comes_and_goes(api: Api, room: str, name: str, url: str, old_url: str) -> None:
    """Somebody is admitted at one stack and comes back at the other: either may have made the token, and either knows
    it."""
    new = Returning(await api.sign_in(name), room)
    await new.follow(url)
    await new.command("request_join", display_name=name)
    await new.command("spectate")
    for where in (old_url, url):
        held = new.given("rejoin_token")
        await new.back(where, rejoin_token=held)
    await new.leave()
