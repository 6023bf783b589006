"""Webhooks on a real Postgres, to a real server: signed, at least once, in order, tried again, and given up in the
end; one that hangs keeps no other waiting."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kit.receiver import Delivered, receiving
from kit.stack import until
from kit.talk import TalkingRooms, rooms
from kit.waiting import WITHIN_S
from tavola.config.keys import Secrets
from tavola.edge.feed import signing
from tavola.edge.feed import webhooks as hooks
from tavola.edge.feed.cursor import Cursor
from tavola.edge.feed.webhooks import BATCH, Webhooks, unfit
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

SECRETS = Secrets(b"s" * 32)
SECRET = "whsec_of_a_test"


async def added(database: Database, name: str, url: str, *, most_tries: int = 3, **more: Any) -> None:
    given = {"game": None, "whole": False, "secret": signing.sealed(SECRETS, name, SECRET), "place": Cursor().text()}
    assert await database.rows(
        "add_webhook", name=name, url=url, most_tries=most_tries, most=hooks.HOOKS_LIMIT, **{**given, **more}
    )


@asynccontextmanager
async def delivering(database: Database, secrets: Secrets = SECRETS) -> AsyncIterator[Webhooks]:
    """An edge delivers; there is no pause between tries."""
    webhooks = Webhooks(database, secrets, pause_s=lambda tries: 0.0)
    task = asyncio.create_task(webhooks.run())
    try:
        yield webhooks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def state(database: Database, name: str) -> Row:
    [row] = [row for row in await database.rows("webhooks") if row["name"] == name]
    return row


async def until_state(database: Database, name: str, **fields: Any) -> None:
    async def holds() -> bool:
        row = await state(database, name)
        return all(row[field] == value for field, value in fields.items())

    await until(holds, f"{name}: {fields}", WITHIN_S)


def signed(delivered: Delivered, secret: str = SECRET) -> bool:
    at, _, given = delivered.headers["tavola-signature"].partition(",v1=")
    text = at.removeprefix("t=").encode() + b"." + delivered.body
    return hmac.compare_digest(given, hmac.digest(secret.encode(), text, "sha256").hex())


def said(r: TalkingRooms) -> list[tuple[str, int]]:
    return [(room, seq) for room, last in sorted(r.said.items()) for seq in range(1, last + 1)]


async def test_signed_and_in_order(database_url: str) -> None:
    async with rooms(database_url) as r, receiving() as shop:
        one, other = await r.opens(), await r.opens()
        await r.talk(one, BATCH)
        await added(r.database, "shop", shop.url)
        async with delivering(r.database):
            await shop.pulse.until(lambda: len(shop.updates) == BATCH + 2)
            assert sorted(shop.updates) == said(r)
            assert shop.updates == sorted(shop.updates), "each room's in order"
            await r.talk(other, 3)
            await shop.pulse.until(lambda: len(shop.updates) >= BATCH + 5)
            assert sorted(shop.updates) == said(r)
        assert all(map(signed, shop.came))
        assert not signed(shop.came[0], "another")
        assert not signed(shop.came[0]._replace(body=shop.came[0].body + b" "))
        names = [each.headers["tavola-delivery"] for each in shop.came]
        assert len(set(names)) == len(names)
        assert shop.came[0].headers["content-type"] == "application/json"


async def test_tried_again_and_given_up(database_url: str) -> None:
    """A batch that is refused comes again as it was, whatever happens meanwhile, and no other before it; then it is
    dead, and delivery goes on. A dead letter that is tried again comes as it was, too."""
    async with rooms(database_url) as r, receiving() as shop:
        room = await r.opens()
        await r.talk(room)
        shop.status = 500
        await added(r.database, "shop", shop.url, most_tries=3)
        async with delivering(r.database):
            await shop.pulse.until(lambda: len(shop.came) == 1)
            await r.talk(room)
            await shop.pulse.until(lambda: len(shop.came) == 3)
            await until_state(r.database, "shop", dead=1)
            shop.status = 204
            await shop.pulse.until(lambda: len(shop.came) >= 4 and shop.came[-1].updates == [(room, 3)])
            first = [each for each in shop.came if each.updates == [(room, 1), (room, 2)]]
            assert len(first) == 3
            assert len({each.headers["tavola-delivery"] for each in first}) == 1
            assert len({each.body for each in first}) == 1
            [letter] = await r.database.rows("dead_letters", name="shop", most=10)
            assert (letter["updates"], letter["failed"]) == (2, "answered 500")
            await until_state(r.database, "shop", failed=None, tries=0)
            count = len(shop.came)
            assert await r.database.rows("retry_dead_letters", name="shop", number=letter["number"])
            await shop.pulse.until(lambda: len(shop.came) == count + 1)
            assert shop.came[-1].body == first[0].body
            assert shop.came[-1].headers["tavola-delivery"] == first[0].headers["tavola-delivery"]
            await until_state(r.database, "shop", dead=0)


async def test_a_dead_letter_that_is_refused_again_stays(database_url: str) -> None:
    async with rooms(database_url) as r, receiving() as shop:
        await r.opens()
        shop.status = 400
        await added(r.database, "shop", shop.url, most_tries=1)
        async with delivering(r.database):
            await until_state(r.database, "shop", dead=1)
            shop.status = 410
            assert await r.database.rows("retry_dead_letters", name="shop", number=None)
            await shop.pulse.until(lambda: len(shop.came) == 2)

            async def refused_again() -> bool:
                [letter] = await r.database.rows("dead_letters", name="shop", most=10)
                return (letter["again"], letter["failed"]) == (False, "answered 410")

            await until(refused_again, "it was tried again in vain", WITHIN_S)


@pytest.mark.parametrize("status", [301, 307])
async def test_it_follows_nobody_elsewhere(database_url: str, status: int) -> None:
    async with rooms(database_url) as r, receiving() as shop:
        await r.opens()
        shop.status = status
        await added(r.database, "shop", shop.url, most_tries=1)
        async with delivering(r.database):
            await until_state(r.database, "shop", dead=1, failed=f"answered {status}")
        assert len(shop.came) == 1


async def test_one_that_hangs_or_is_away_keeps_nobody_waiting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "WITHIN_S", 2.0)
    async with rooms(database_url) as r, receiving() as hangs, receiving() as shop:
        async with receiving() as away:
            pass
        room = await r.opens()
        hangs.status = None
        await added(r.database, "a_hangs", hangs.url, most_tries=1)
        await added(r.database, "b_away", away.url, most_tries=1)
        await added(r.database, "c_shop", shop.url)
        async with delivering(r.database):
            await hangs.pulse.until(lambda: hangs.came)
            await shop.pulse.until(lambda: shop.updates == [(room, 1)])
            await until_state(r.database, "a_hangs", failed="TimeoutError")
            await until_state(r.database, "b_away", failed="ConnectError")


async def test_one_edge_delivers(database_url: str) -> None:
    """While it does, another has nothing to do; when it ends, another goes on from there."""
    async with rooms(database_url) as r, receiving() as shop:
        room = await r.opens()
        await added(r.database, "shop", shop.url)
        async with delivering(r.database):
            await until_state(r.database, "shop", failed=None)
            await shop.pulse.until(lambda: shop.updates == [(room, 1)])
            await Webhooks(r.database, SECRETS).deliver(20)
        await r.talk(room)
        async with delivering(r.database):
            await shop.pulse.until(lambda: (room, 2) in shop.updates)
        assert shop.updates in ([(room, 1), (room, 2)], [(room, 1), (room, 1), (room, 2)])


async def test_the_secret_of_a_deployment_is_replaced(database_url: str) -> None:
    """While two are accepted it is sealed anew; so it outlives the one that it was sealed with."""
    newer = Secrets(b"n" * 32)
    async with rooms(database_url) as r, receiving() as shop:
        room = await r.opens()
        await added(r.database, "shop", shop.url)
        async with delivering(r.database, Secrets(newer.newest, SECRETS.newest)):
            await shop.pulse.until(lambda: shop.came)
        await r.talk(room)
        async with delivering(r.database, newer):
            await shop.pulse.until(lambda: (room, 2) in shop.updates)
        assert all(map(signed, shop.came))
        count = len(shop.came)
        await r.talk(room)
        async with delivering(r.database, Secrets(b"x" * 32)):

            async def told() -> bool:
                return bool((await state(r.database, "shop"))["failed"])

            await until(told, "it cannot be opened", WITHIN_S)
        assert len(shop.came) == count, "nothing goes out unsigned"


async def test_as_spectators_see_it_or_whole(database_url: str) -> None:
    async with rooms(database_url) as r, receiving() as some, receiving() as all_of_it:
        await r.opens()
        await added(r.database, "some", some.url)
        await added(r.database, "all", all_of_it.url, whole=True)
        await added(r.database, "none", some.url, game="holdem")
        async with delivering(r.database):
            await some.pulse.until(lambda: some.came)
            await all_of_it.pulse.until(lambda: all_of_it.came)
        assert b'"command"' not in some.came[0].body
        assert b'"command"' in all_of_it.came[0].body
        assert len(some.came) == 1


async def test_removed_while_it_is_sent(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "WITHIN_S", 1.0)
    async with rooms(database_url) as r, receiving() as shop:
        await r.opens()
        shop.status = None
        await added(r.database, "shop", shop.url)
        async with delivering(r.database), receiving() as other:
            await shop.pulse.until(lambda: shop.came)
            assert await r.database.rows("remove_webhook", name="shop")
            await added(r.database, "other", other.url)
            await other.pulse.until(lambda: other.came)


def test_pauses_grow_and_are_drawn() -> None:
    drawn = [[hooks._pause_s(tries) for _ in range(200)] for tries in (1, 4, 60)]
    for pauses, middle in zip(drawn, (1.0, 8.0, 300.0), strict=True):
        assert middle / 2 <= min(pauses) < middle < max(pauses) <= middle * 1.5


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://shop.example/hook", True),
        ("http://127.0.0.1:8080/", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://shop.example/hook", False),
        ("http://localhost.shop.example/", False),
        ("http://10.0.0.1/", False),
        ("https://user:word@shop.example/", False),
        ("https://shop.example/#x", False),
        ("https:///x", False),
        ("ftp://shop.example/", False),
        ("https://shop.example:nine/", False),
        ("https://shop.example/a b", False),
        ("shop", False),
    ],
)
def test_where_it_may_be_sent(url: str, fits: bool) -> None:
    assert (unfit(url) is None) is fits


def test_by_http_if_one_insists() -> None:
    assert unfit("http://shop.example/hook", plain=True) is None
    assert unfit("ftp://shop.example/hook", plain=True) is not None
