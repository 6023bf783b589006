"""A guest who does nothing leaves nothing behind: their session is kept for an hour after its last use. A guest who
asks to join a room, or opens one, has a week, like everybody.
"""

from __future__ import annotations

import pytest

from kit.browsers import Time, edges
from kit.hosts import connected, hosting, open_room, place
from tavola.actors.wire.commands import RequestJoin
from tavola.edge.common.limits import Limits
from tavola.edge.identity.sessions import A_USER, LIFE_MS, PASSING_MS
from tavola.storage.postgres import Database

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


async def stored(database: Database, now: int) -> set[str]:
    """The users whose sessions are left when the steward has cleared away."""
    await database.rows("clear_sessions", before=now, most=5000)
    connection = await database.take()
    try:
        return {row["user_id"] for row in await connection.fetch("SELECT user_id FROM app_sessions")}
    finally:
        await database.give_back(connection)


def test_the_hour_and_the_week_are_those_of_the_statements() -> None:
    assert (PASSING_MS, LIFE_MS) == (HOUR_MS, 7 * DAY_MS)


async def test_who_only_looked_is_forgotten_after_an_hour(database_url: str, redis_url: str) -> None:
    now = Time()
    async with edges(database_url, redis_url, now=now) as (edge,), connected(database_url) as database:
        looker, gone = await edge.sign_in("Looker"), await edge.sign_in("Gone")
        for _ in range(5):
            now.ms += HOUR_MS - 1
            assert await edge.knows(looker.cookie) == looker.user, "an hour after each use"
        assert await edge.knows(gone.cookie) is None
        assert await stored(database, now()) == {looker.user}
        now.ms += HOUR_MS + 1
        assert await edge.knows(looker.cookie) is None
        assert await stored(database, now()) == set()


@pytest.mark.parametrize("opens", [False, True])
async def test_who_did_something_is_kept_for_a_week(database_url: str, redis_url: str, opens: bool) -> None:
    now = Time()
    async with (
        edges(database_url, redis_url, now=now) as (edge,),
        connected(database_url) as database,
        hosting(database, "a") as table,
    ):
        ann = await edge.sign_in("Ann")
        phone = await edge.sign_in("", token=ann.token)
        if opens:
            await open_room(database, host=ann.user)
        else:
            room = await open_room(database)
            epoch = await place(database, room)
            await table.does(epoch, ann.user, RequestJoin(id="join", room=room, display_name="Ann"))
        late = await edge.sign_in("", token=ann.token)
        now.ms += 7 * DAY_MS - 1
        for each in (ann, phone, late):
            assert await edge.knows(each.cookie) == ann.user
        now.ms += 2
        assert await edge.knows(ann.cookie) == ann.user, "and as long after each use"
        assert await stored(database, now()) == {ann.user}


async def test_a_session_that_has_ended_does_not_come_back(database_url: str, redis_url: str) -> None:
    now = Time()
    async with edges(database_url, redis_url, now=now) as (edge,), connected(database_url) as database:
        ann = await edge.sign_in("Ann")
        now.ms += HOUR_MS
        await open_room(database, host=ann.user, at=now())
        assert await edge.knows(ann.cookie) is None


async def test_an_address_makes_so_many_guests_a_minute_and_knows_the_others(database_url: str, redis_url: str) -> None:
    limits = Limits(guests_per_minute=3)
    async with edges(database_url, redis_url, limits=limits) as (edge,), connected(database_url) as database:
        guests = [await edge.sign_in(f"Guest {n}") for n in range(3)]
        refused = await edge.ask("POST", name="One more")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
        assert refused.json()["error"]["retry_after_ms"] == 20_000
        assert "set-cookie" not in refused.headers
        for guest in guests:
            assert (await edge.sign_in("Renewed", cookie=guest.cookie)).user == guest.user
            assert (await edge.sign_in("Renewed", token=guest.token)).user == guest.user
        assert await stored(database, 0) == {guest.user for guest in guests}


async def test_one_user_has_so_many_sessions_and_no_more(database_url: str, redis_url: str) -> None:
    now = Time()
    async with edges(database_url, redis_url, now=now) as (edge,), connected(database_url) as database:
        first = await edge.sign_in("Ann")
        others = []
        for _ in range(A_USER + 20):
            now.ms += 100
            others.append(await edge.sign_in("", token=first.token))
        connection = await database.take()
        assert await connection.fetchval("SELECT count(*) FROM app_sessions") == A_USER
        await database.give_back(connection)
        assert await edge.knows(first.cookie) is None, "the oldest went"
        assert await edge.knows(others[-A_USER].cookie) == first.user
        assert await edge.knows(others[-A_USER - 1].cookie) is None
