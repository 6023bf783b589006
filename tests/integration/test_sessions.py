"""Sessions on a real Redis and a real Postgres: who is signed in stays so, and who signed out too, whatever is away."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import asyncpg
import jwt
import pytest
import redis
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from kit.browsers import OURS, Browser, TestEdge, Time, cookie_of, edges
from kit.hosts import OPENER, connected, open_room
from kit.proxy import proxied
from kit.waiting import WITHIN_S
from tavola.actors.wire.commands import UserId
from tavola.edge.identity import session_cache
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.issuers import Issuer, OneKey
from tavola.edge.identity.sessions import LIFE_MS, PASSING_MS, RENEWED_EVERY_MS
from tavola.edge.identity.sign_outs import KEPT_MS

SHARED = "a secret that both of them know, of 32 bytes at least"
ISSUER = Issuer("https://issuer.example", "authenticated", "HS256", OneKey(SHARED))


def sid(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edges that wait for a Redis that is merely slow, as on a busy machine."""
    monkeypatch.setattr(session_cache, "WITHIN_S", WITHIN_S)


def in_redis(url: str, cookie: str) -> dict[str, Any] | None:
    with redis.Redis.from_url(url) as client:
        found = client.get(f"sess:{sid(cookie).hex()}")
    assert found is None or isinstance(found, bytes)
    return None if found is None else json.loads(OPENER.open(f"sess:{sid(cookie).hex()}", found))


async def signed_in(edge: TestEdge, database_url: str, redis_url: str) -> Browser:
    """Somebody who has opened a room, and whom the edge knows by what is stored of that."""
    who = await edge.sign_in()
    async with connected(database_url) as database:
        await open_room(database, host=who.user)
    flush(redis_url)
    assert await edge.knows(who.cookie) == who.user
    return who


def flush(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.flushall()


async def in_postgres(url: str, statement: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


def foreign(user: str, now: Time, age_s: int = 0, life_s: int = 3600) -> str:
    iat = now() // 1000 - age_s
    claims = {"sub": user, "iss": ISSUER.name, "aud": "authenticated", "iat": iat, "exp": iat + life_s, "name": "Sue"}
    return jwt.encode(claims, SHARED, algorithm="HS256")


# Signing in


async def test_who_signs_in_is_given_a_cookie_of_which_only_a_hash_is_kept(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url) as (edge,):
        reply = await edge.ask("POST", name=" Ann\u0000 ", headers={})
        told, cookie = reply.json(), cookie_of(reply)
        assert len(cookie) >= 43
        _, *flags = reply.headers["set-cookie"].split("; ")
        assert set(flags) == {"Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Lax"}
        assert reply.headers["cache-control"] == "no-store"
        assert set(told) == {"user_id", "display_name", "token", "expires_at"}
        assert told["display_name"] == "Ann"
        assert await edge.knows(cookie) == await edge.knows(token=told["token"]) == told["user_id"]
        (row,) = await in_postgres(database_url, "SELECT * FROM app_sessions")
        assert (row["sid"], row["user_id"]) == (sid(cookie), told["user_id"])
        kept = json.loads(row["sess"])
        assert set(kept) == {"user_id", "display_name", "created_at"}
        assert (in_redis(redis_url, cookie) or {}).items() >= kept.items()
        with redis.Redis.from_url(redis_url) as client:
            (key,) = client.keys("*")
            assert key == f"sess:{sid(cookie).hex()}".encode()
            assert PASSING_MS - 60_000 < client.pttl(key) <= PASSING_MS
        who = (await edge.ask("GET", cookie)).json()
        assert (who["user_id"], who["display_name"]) == (told["user_id"], "Ann")


@pytest.mark.parametrize("cookie", [None, "", "x", "A" * 43, "A" * 5000, "é"])
async def test_a_cookie_that_is_none_of_ours_is_nobodys_and_never_becomes_anybodys(
    database_url: str, redis_url: str, cookie: str | None
) -> None:
    async with edges(database_url, redis_url) as (edge,):
        assert await edge.knows(cookie) is None
        fresh = await edge.sign_in(cookie=cookie)
        assert fresh.cookie != cookie, "who plants a cookie must not know the session that comes of it"
        assert await edge.knows(cookie) is None
        assert await edge.knows(fresh.cookie) == fresh.user


async def test_secure_behind_a_proxy_that_is_trusted_and_no_other(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url) as (edge,):
        https = {"X-Forwarded-Proto": "https"}
        for trusted, secure in (("192.0.2.1", False), ("127.0.0.1", True)):
            edge.client._transport.app = ProxyHeadersMiddleware(edge.app, trusted)  # type: ignore[arg-type,attr-defined]
            assert ("Secure" in (await edge.ask("POST", headers=https)).headers["set-cookie"]) == secure
            assert "Secure" not in (await edge.ask("POST", headers={})).headers["set-cookie"]
        edge.client.base_url = "https://edge.test"
        assert "Secure" in (await edge.ask("POST")).headers["set-cookie"]


async def test_for_a_page_of_another_site_the_cookie_is_that_sites_alone(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url) as (edge,):
        far, near = OURS | {"Sec-Fetch-Site": "cross-site"}, OURS | {"Sec-Fetch-Site": "same-site"}
        assert "SameSite=Lax" in (await edge.ask("POST", headers=far)).headers["set-cookie"], "without TLS it cannot be"
        edge.client.base_url = "https://edge.test"
        _, *flags = (await edge.ask("POST", headers=far)).headers["set-cookie"].split("; ")
        assert {"SameSite=None", "Partitioned", "Secure", "HttpOnly", "Path=/"} < set(flags)
        _, *flags = (await edge.ask("POST", headers=near)).headers["set-cookie"].split("; ")
        assert {"SameSite=Lax", "Secure"} < set(flags)
        assert "Partitioned" not in flags


async def test_renewed_it_is_the_same_user_by_cookie_or_token(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url) as (edge,):
        ann, ben = await edge.sign_in("Ann"), await edge.sign_in("Ben")
        again = await edge.ask("POST", ann.cookie)
        assert (again.json()["user_id"], again.json()["display_name"]) == (ann.user, "Ann")
        assert cookie_of(again) == ann.cookie
        assert again.json()["token"] != ann.token
        elsewhere = await edge.ask("POST", token=ann.token)
        assert (elsewhere.json()["user_id"], cookie_of(elsewhere)) != (ann.user, ann.cookie)
        assert elsewhere.json()["user_id"] == await edge.knows(cookie_of(elsewhere)) == ann.user
        mixed = await edge.ask("POST", cookie=ben.cookie, token=ann.token, name="Anna")
        assert mixed.json()["user_id"] == ann.user, "the token counts"
        assert cookie_of(mixed) != ben.cookie, "another's session is not given away"
        assert await edge.knows(ben.cookie) == ben.user
        assert (await edge.ask("GET", ben.cookie)).json()["display_name"] == "Ben"
        basic = await edge.ask("GET", ann.cookie, headers={"Authorization": "Basic eA=="})
        assert basic.json()["user_id"] == ann.user
        assert (await edge.ask("GET", ann.cookie, token="nonsense")).status_code == 401
        assert (await edge.ask("POST", ann.cookie, token="nonsense")).status_code == 401


async def test_a_new_name_is_told_everywhere(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url, redis_url) as (one, other):
        phone = await one.sign_in("Ann")
        laptop = await other.sign_in("", token=phone.token)
        assert laptop.name == "Ann"
        renamed = await one.sign_in("Anna", cookie=phone.cookie)
        verified = other.identities.verify(renamed.token)
        assert isinstance(verified, Identity)
        assert (renamed.user, renamed.name, verified.name) == (phone.user, "Anna", "Anna")
        for _ in range(2):
            for cookie in (phone.cookie, laptop.cookie):
                assert (await other.ask("GET", cookie)).json()["display_name"] == "Anna"
            flush(redis_url)
        kept = await one.ask("POST", laptop.cookie)
        assert kept.json()["display_name"] == "Anna"


# Other sites


@pytest.mark.parametrize(
    ("method", "by", "headers", "status"),
    [
        ("GET", "cookie", {}, 200),
        ("GET", "cookie", {"Origin": "https://mallory.example"}, 200),
        ("POST", "cookie", {}, 403),
        ("POST", "cookie", {"X-Requested-With": "XMLHttpRequest"}, 403),
        ("POST", "cookie", {"X-Requested-With": "tavola"}, 200),
        ("POST", "cookie", {"X-Requested-With": "tavola", "Origin": "http://edge.test"}, 200),
        ("POST", "cookie", {"X-Requested-With": "tavola", "Origin": "https://mallory.example"}, 403),
        ("POST", "cookie", {"X-Requested-With": "tavola", "Origin": "null"}, 403),
        ("POST", "cookie", {"X-Requested-With": "tavola", "Origin": "http://edge.test.mallory.example"}, 403),
        ("POST", "nothing", {}, 200),
        ("POST", "nothing", {"Origin": "https://mallory.example"}, 403),
        ("POST", "token", {}, 200),
        ("POST", "both", {}, 200),
        ("DELETE", "cookie", {}, 403),
        ("DELETE", "cookie", {"X-Requested-With": "tavola", "Origin": "https://mallory.example"}, 403),
        ("DELETE", "nothing", {"X-Requested-With": "tavola"}, 401),
        ("DELETE", "cookie", {"X-Requested-With": "tavola"}, 200),
        ("DELETE", "token", {}, 200),
    ],
)
async def test_what_another_sites_page_may_do(
    database_url: str, redis_url: str, method: str, by: str, headers: dict[str, str], status: int
) -> None:
    async with edges(database_url, redis_url) as (edge,):
        ann = await edge.sign_in()
        cookie = ann.cookie if by in ("cookie", "both") else None
        token = ann.token if by in ("token", "both") else None
        reply = await edge.ask(method, cookie, token, headers=headers)
        assert reply.status_code == status, reply.text
        if status == 403:
            assert reply.json()["error"]["code"] == "forbidden"
            assert "set-cookie" not in reply.headers
            assert await edge.knows(ann.cookie) == ann.user


# Servers that are away


async def test_an_emptied_redis_signs_nobody_out(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url, redis_url) as (one, other):
        ann = await one.sign_in()
        flush(redis_url)
        assert in_redis(redis_url, ann.cookie) is None
        assert await other.knows(ann.cookie) == ann.user
        assert in_redis(redis_url, ann.cookie) is not None, "it is put back"
        with redis.Redis.from_url(redis_url) as client:
            client.set(f"sess:{sid(ann.cookie).hex()}", b'{"user_id":')
        assert await other.knows(ann.cookie) == ann.user


async def test_a_redis_that_is_away_signs_nobody_out_and_is_left_alone_for_a_while(
    database_url: str, redis_url: str
) -> None:
    async with proxied(redis_url) as proxy, edges(database_url, proxy.url) as (edge,):
        ann = await edge.sign_in()
        proxy.go_away()
        before = proxy.refused
        for _ in range(30):
            assert await edge.knows(ann.cookie) == ann.user
        assert before <= proxy.refused <= before + 3, "it is not asked for each request"
        ben = await edge.sign_in("Ben")
        assert await edge.knows(ben.cookie) == ben.user
        assert (await edge.ask("DELETE", ann.cookie)).status_code == 200
        assert await edge.knows(ann.cookie) is None
        proxy.come_back()
        async with asyncio.timeout(WITHIN_S):
            while in_redis(redis_url, ben.cookie) is None:
                assert await edge.knows(ben.cookie) == ben.user
                await asyncio.sleep(0.01)  # Faster than that, one address is refused by rate.
        assert in_redis(redis_url, ann.cookie) is not None, "nobody could tell it"
        assert await edge.knows(ann.cookie) is None


async def test_a_redis_that_does_not_answer_is_not_waited_for(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_cache, "WITHIN_S", 0.25)
    async with proxied(redis_url) as proxy, edges(database_url, proxy.url) as (edge,):
        ann = await edge.sign_in()
        proxy.hold("GET")
        async with asyncio.timeout(2):
            assert await edge.knows(ann.cookie) == ann.user
        assert proxy.held.is_set()


async def test_without_postgres_redis_is_believed_for_as_long_as_sign_outs_are_known(
    database_url: str, redis_url: str
) -> None:
    now = Time()
    async with proxied(database_url) as proxy, edges(proxy.url, redis_url, now=now) as (edge,):
        ann = await signed_in(edge, database_url, redis_url)
        proxy.go_away()
        assert await edge.knows(ann.cookie) == ann.user
        now.ms += KEPT_MS - 1
        assert await edge.knows(ann.cookie) == ann.user
        now.ms += 1
        reply = await edge.ask("GET", ann.cookie)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "storage_unavailable")
        proxy.come_back()
        assert await edge.knows(ann.cookie) == ann.user


async def test_who_cannot_be_looked_up_is_not_taken_for_somebody_new(database_url: str, redis_url: str) -> None:
    async with proxied(database_url) as proxy, edges(proxy.url, redis_url) as (edge,):
        ann = await edge.sign_in()
        flush(redis_url)
        proxy.go_away()
        for method in ("GET", "POST", "DELETE"):
            reply = await edge.ask(method, ann.cookie)
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "storage_unavailable")
            assert "set-cookie" not in reply.headers
        assert (await edge.ask("POST")).status_code == 503, "no session without a row"
        proxy.come_back()
        assert await edge.knows(ann.cookie) == ann.user
        assert len(await in_postgres(database_url, "SELECT FROM app_sessions")) == 1


# Sliding


async def counted(url: str) -> None:
    """Have the database note each write of a session."""
    await in_postgres(url, "CREATE TABLE writes (at timestamptz DEFAULT clock_timestamp())")
    await in_postgres(
        url,
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO writes DEFAULT VALUES; RETURN NULL; END $$",
    )
    await in_postgres(url, "CREATE TRIGGER noted AFTER UPDATE ON app_sessions FOR EACH ROW EXECUTE FUNCTION note()")


async def writes(url: str) -> int:
    return len(await in_postgres(url, "SELECT FROM writes"))


async def test_a_session_in_use_lasts_and_is_written_once_an_hour(database_url: str, redis_url: str) -> None:
    now = Time()
    async with edges(database_url, redis_url, redis_url, now=now) as (one, other):
        ann = await signed_in(one, database_url, redis_url)
        await counted(database_url)
        for _ in range(3):
            now.ms += RENEWED_EVERY_MS // 3 - 1
            assert await one.knows(ann.cookie) == ann.user
        flush(redis_url)
        assert await one.knows(ann.cookie) == ann.user
        assert await writes(database_url) == 0
        now.ms += 3
        known = await asyncio.gather(*(edge.knows(ann.cookie) for edge in (one, other) for _ in range(20)))
        assert set(known) == {ann.user}
        assert await writes(database_url) == 1
        async with asyncio.timeout(WITHIN_S):
            while (in_redis(redis_url, ann.cookie) or {})["renewed_at"] != now():
                assert await one.knows(ann.cookie) == ann.user
        assert await writes(database_url) == 1
        for day in range(1, 21):
            now.ms += LIFE_MS // 7
            assert await one.knows(ann.cookie) == ann.user, day
            assert await writes(database_url) == 1 + day


@pytest.mark.parametrize("emptied", [False, True])
async def test_a_session_that_is_not_used_ends(database_url: str, redis_url: str, emptied: bool) -> None:
    now = Time()
    async with edges(database_url, redis_url, now=now) as (edge,):
        ann = await edge.sign_in()
        now.ms += LIFE_MS
        if emptied:
            flush(redis_url)
        assert await edge.knows(ann.cookie) is None
        assert in_redis(redis_url, ann.cookie) is None
        assert (await edge.sign_in(cookie=ann.cookie)).user != ann.user


# Signing out everywhere


async def test_signing_out_is_everywhere(database_url: str, redis_url: str) -> None:
    async with edges(database_url, redis_url, redis_url) as (one, other):
        ann, ben = await one.sign_in(), await other.sign_in("Ben")
        phone = await other.sign_in("", token=ann.token)
        reply = await one.ask("DELETE", phone.cookie)
        assert reply.status_code == 200
        assert reply.json() == {"user_id": ann.user, "sessions": 2}
        assert "Max-Age=0" in reply.headers["set-cookie"]
        assert cookie_of(reply) == ""
        for cookie in (ann.cookie, phone.cookie):
            assert in_redis(redis_url, cookie) is None
            assert await one.knows(cookie) is await other.knows(cookie) is None
        assert [user for user, _ in one.closed] == [ann.user]
        for token in (ann.token, phone.token):
            refused = await one.ask("GET", token=token)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_invalid")
        assert other.closed == []
        await other.sign_outs.look()
        assert other.closed == one.closed
        for token in (ann.token, phone.token):
            assert await other.knows(token=token) is None
            assert (await other.ask("POST", token=token)).status_code == 401
        await one.sign_outs.look()
        await other.sign_outs.look()
        assert len(one.closed) == len(other.closed) == 1, "once"
        assert await one.knows(ben.cookie) == await other.knows(token=ben.token) == ben.user
        async with edges(database_url, redis_url) as (late,):
            await late.sign_outs.look()
            assert await late.knows(token=ann.token) is None


async def test_an_edge_hears_of_it_by_itself_also_after_postgres_was_away(database_url: str, redis_url: str) -> None:
    async with (
        proxied(database_url) as proxy,
        edges(database_url, redis_url) as (one,),
        edges(proxy.url, redis_url) as (other,),
    ):
        running = asyncio.create_task(other.sign_outs.run())
        async with asyncio.timeout(WITHIN_S):
            for away in (False, True):
                ann = await one.sign_in()
                other.closed.clear()
                if away:
                    proxy.go_away()
                await one.ask("DELETE", ann.cookie)
                if away:
                    before = proxy.refused
                    while proxy.refused == before:
                        await asyncio.wait([running], timeout=0.01)
                    proxy.come_back()
                while not other.closed:
                    await asyncio.wait([running], timeout=0.01)
                    assert not running.done()
                assert other.closed == [one.closed[-1]]
                assert await other.knows(token=ann.token) is None
        running.cancel()


async def test_signing_in_right_after_is_good_and_right_before_is_not(database_url: str, redis_url: str) -> None:
    """Many times within the same second, and some within the same millisecond."""

    async with edges(database_url, redis_url) as (edge,):
        user, issued_at, seconds = UserId("sue"), 0, set()
        for _ in range(50):
            opened = await edge.sessions.renew(Identity(user, "Sue", 0, issued_at), None, None)
            assert opened is not None
            token = edge.identities.token(edge.identities.known(user, "Sue", opened.issued_at))
            assert await edge.knows(opened.cookie) == await edge.knows(token=token) == user
            await edge.sessions.sign_out(user)
            assert await edge.knows(opened.cookie) is await edge.knows(token=token) is None
            old = Identity(user, "Sue", 0, opened.issued_at)
            assert await edge.sessions.renew(old, opened.cookie, None) is None
            (out,) = await in_postgres(database_url, "SELECT at FROM sign_outs")
            issued_at = out["at"] + 1
            seconds.add(out["at"] // 1000)
        assert len(seconds) < 50


async def test_a_put_back_that_was_under_way_brings_nobody_in(database_url: str, redis_url: str) -> None:
    now = Time()
    async with proxied(redis_url) as proxy, edges(database_url, redis_url, proxy.url, now=now) as (one, other):
        ann = await one.sign_in()
        flush(redis_url)
        proxy.hold("NX")
        late = asyncio.create_task(other.knows(ann.cookie))
        await proxy.held.wait()
        assert (await one.ask("DELETE", ann.cookie)).status_code == 200
        assert in_redis(redis_url, ann.cookie) is None
        proxy.release()
        assert await late == ann.user, "it was asked before"
        async with asyncio.timeout(WITHIN_S):
            while in_redis(redis_url, ann.cookie) is None:
                await asyncio.wait([late])
        assert await one.knows(ann.cookie) is None
        await other.sign_outs.look()
        assert await other.knows(ann.cookie) is None
        assert (await one.ask("POST", ann.cookie)).json()["user_id"] != ann.user
        # Long after, when edges have forgotten: Postgres has the last word.
        now.ms += KEPT_MS + 60_000
        for edge in (one, other):
            await edge.sign_outs.look()
            assert not edge.sign_outs.covers(ann.user, 0)
            assert await edge.knows(ann.cookie) is None
        assert in_redis(redis_url, ann.cookie) is None


@pytest.mark.parametrize("by_cookie", [False, True])
@pytest.mark.parametrize("first", ["renew", "sign_out"])
async def test_renewing_while_signing_out(database_url: str, redis_url: str, first: str, by_cookie: bool) -> None:
    """Whichever comes first, nothing is left by which one is known."""

    async with edges(database_url, redis_url, redis_url) as (one, other):
        ann = await one.sign_in()
        known = await one.who.of_cookie(ann.cookie) if by_cookie else one.identities.verify(ann.token)
        assert isinstance(known, Identity)
        gate = await asyncpg.connect(database_url, ssl=False)
        await gate.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", ann.user)
        work: dict[str, asyncio.Task[Any]] = {}
        for number, each in enumerate((first, "sign_out" if first == "renew" else "renew"), 1):
            if each == "renew":
                doing = one.sessions.renew(known, ann.cookie if by_cookie else None, "Anna")
            else:
                doing = other.sessions.sign_out(ann.user)  # type: ignore[assignment]
            work[each] = asyncio.create_task(doing)
            async with asyncio.timeout(WITHIN_S):
                while await gate.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < number:
                    assert not work[each].done()
        await gate.execute("SELECT pg_advisory_unlock_all()")
        await gate.close()
        renewed = await work["renew"]
        await work["sign_out"]
        assert (renewed is None) == (first == "sign_out")
        await one.sign_outs.look()
        for edge in (one, other):
            assert await edge.knows(ann.cookie) is await edge.knows(token=ann.token) is None
            if renewed is not None:
                token = edge.identities.token(edge.identities.known(ann.user, "Ann", renewed.issued_at))
                assert await edge.knows(renewed.cookie) is await edge.knows(token=token) is None
        assert await in_postgres(database_url, "SELECT FROM app_sessions") == []


# Another issuer


async def test_a_token_of_a_trusted_issuer_signs_in(database_url: str, redis_url: str) -> None:
    now = Time()
    async with edges(database_url, redis_url, now=now, issuer=ISSUER) as (edge,):
        given = foreign("sue-1", now)
        assert await edge.knows(token=given) == "sue-1"
        sue = await edge.sign_in("", token=given)
        assert (sue.user, sue.name) == ("sue-1", "Sue")
        assert await edge.knows(sue.cookie) == await edge.knows(token=sue.token) == "sue-1"
        assert isinstance(edge.identities.verify(sue.token), Identity), "from then on she has tokens of ours"
        assert await edge.knows(token=foreign("u_1234567890abcdef", now)) is None
        assert (await edge.ask("DELETE", token=given)).status_code == 200
        assert (
            await edge.knows(token=given) is await edge.knows(sue.cookie) is await edge.knows(token=sue.token) is None
        )
    async with edges(database_url, redis_url, now=now) as (edge,):
        assert await edge.knows(token=foreign("sue-2", now)) is None, "nobody else is trusted"


async def test_a_long_lived_token_of_another_issuer_is_signed_out_for_good(database_url: str, redis_url: str) -> None:
    now = Time()
    async with edges(database_url, redis_url, now=now, issuer=ISSUER) as (edge,):
        given = foreign("sue", now, age_s=60, life_s=5 * 86_400)
        assert (await edge.ask("DELETE", token=given)).status_code == 200
        now.ms += KEPT_MS + 60_000
        await edge.sign_outs.look()
        assert not edge.sign_outs.covers(UserId("sue"), 0), "it is forgotten here"
        assert await edge.knows(token=given) is None
