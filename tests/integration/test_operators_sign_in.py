"""Operators sign in at an issuer, by real HTTP: who comes back is who they are there, and whatever is forged, replayed,
mixed up or sent elsewhere ends in a page that says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from kit.doors import Doors
from kit.signing_in import SigningIn, signing_in
from kit.small_issuer import CLIENT, CLIENT_SECRET, SmallIssuer, served
from tavola.edge.identity.operators import BELIEVED_S, COOKIE, SIGNED_IN_MS
from tavola.edge.operating.issuer_client import ATTEMPT_MS, FRESH_S
from tavola.edge.operating.sign_in import ATTEMPT_COOKIE, SIGN_INS_A_MINUTE

OURS = {"X-Requested-With": "tavola"}


class Olga:
    """Somebody with a browser: it keeps cookies, and follows nothing by itself."""

    def __init__(self, app: Starlette, origin: str = "https://edge.test") -> None:
        self.edge = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=origin)
        self.outside = httpx.AsyncClient()

    async def begins(self) -> str:
        """The address at the issuer's."""
        answer = await self.edge.get("/admin/sign-in")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def signs_in_there(self, address: str) -> str:
        """The address to come back to, with all that the issuer says."""
        answer = await self.outside.get(address)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def comes_back(self, address: str) -> httpx.Response:
        return await self.edge.get(address)

    async def signs_in(self) -> httpx.Response:
        return await self.comes_back(await self.signs_in_there(await self.begins()))

    async def is_known_as(self) -> str | None:
        answer = await self.edge.get("/api/admin/me", headers=OURS)
        assert answer.status_code in (200, 401), answer.text
        name: str | None = answer.json().get("name")
        return name

    async def close(self) -> None:
        await self.edge.aclose()
        await self.outside.aclose()


class Scene:
    def __init__(self, d: Doors, issuer: SmallIssuer, door: SigningIn) -> None:
        self.d, self.issuer, self.door = d, issuer, door
        self.browsers: list[Olga] = []

    def olga(self) -> Olga:
        self.browsers.append(Olga(self.door.app))
        return self.browsers[-1]


@asynccontextmanager
async def scene(database_url: str, redis_url: str, **more: Any) -> AsyncIterator[Scene]:
    async with signing_in(database_url, redis_url, **more) as (d, issuer, door):
        await d.database.rows("add_operator", name="olga", role="act", hash=None, user_id="auth0|olga")
        made = Scene(d, issuer, door)
        try:
            yield made
        finally:
            for each in made.browsers:
                await each.close()


def told(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def refused(answer: httpx.Response, status: int, said: str) -> None:
    """A page in plain words, with a way back, and nobody is signed in by it."""
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert 'href="/admin/sign-in"' in answer.text
    assert 'href="/admin"' in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert not any(each.startswith(f"{COOKIE}=") for each in answer.headers.get_list("set-cookie"))


async def test_from_the_page_to_the_issuer_and_back(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        olga = s.olga()
        assert 'name="issuer"' in (await olga.edge.get("/admin")).text
        assert await olga.is_known_as() is None
        address = await olga.begins()
        asked = told(address)
        assert address.startswith(f"{s.issuer.url}/authorize?")
        assert (asked["redirect_uri"], asked["client_id"]) == ("https://edge.test/admin/signed-in", CLIENT)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "openid" in asked["scope"].split()
        back = await olga.comes_back(await olga.signs_in_there(address))
        assert (back.status_code, back.headers["location"]) == (303, "/admin")
        given = {each.partition("=")[0]: each for each in back.headers.get_list("set-cookie")}
        for part in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/api/admin"):
            assert part in given[COOKIE]
        assert "Max-Age=0" in given[ATTEMPT_COOKIE]
        assert back.headers["referrer-policy"] == "no-referrer"
        me = await olga.edge.get("/api/admin/me", headers=OURS)
        assert me.json() == {"name": "olga", "roles": ["look", "act"]}
        # The cookie is for our own page: another's cannot send the header.
        assert (await olga.edge.get("/api/admin/me")).status_code == 403
        answer = await olga.edge.post("/api/admin/acts", json={"act": "pause", "room": "r_0"}, headers=OURS)
        assert answer.json()["error"]["code"] == "room_not_found", "a role that acts"
        told_all = {"act": "announce_all", "text": "!"}
        answer = await olga.edge.post("/api/admin/acts", json=told_all, headers=OURS)
        assert answer.status_code == 403, "and no other"


async def test_signing_out_ends_it_everywhere(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        one, other = s.olga(), s.olga()
        for each in (one, other):
            await each.signs_in()
            assert await each.is_known_as() == "olga"
        stolen = one.edge.cookies[COOKIE]
        assert (await one.edge.delete("/api/admin/session")).status_code == 403
        answer = await one.edge.delete("/api/admin/session", headers=OURS)
        assert answer.json() == {"name": "olga"}
        assert COOKIE not in one.edge.cookies
        await s.door.sign_outs.look()
        assert await other.is_known_as() is None
        reply = await s.olga().edge.get("/api/admin/me", headers={**OURS, "Cookie": f"{COOKIE}={stolen}"})
        assert reply.status_code == 401
        assert (await one.signs_in()).status_code == 303
        assert await one.is_known_as() == "olga"


async def test_it_lasts_for_hours_and_as_long_as_the_operator(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        olga = s.olga()
        await olga.signs_in()
        s.door.clock.passed_s += SIGNED_IN_MS / 1000 - 60
        assert await olga.is_known_as() == "olga"
        s.door.clock.passed_s += 61
        assert await olga.is_known_as() is None
        olga = s.olga()
        await olga.signs_in()
        await s.d.database.rows("remove_operator", name="olga")
        s.door.clock.passed_s += BELIEVED_S + 1
        assert await olga.is_known_as() is None


async def test_a_user_who_is_no_operator(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        s.issuer.user = "auth0|<i>eve</i>"
        answer = await s.olga().signs_in()
        refused(answer, 403, "no operator here")
        assert "--user &#x27;auth0|&lt;i&gt;eve&lt;/i&gt;&#x27;" in answer.text
        s.issuer.user = "u_guest"  # as our own guests are called
        refused(await s.olga().signs_in(), 403, "not meant for this sign-in")


async def test_a_state_of_somebody_elses(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        olga, eve = s.olga(), s.olga()
        evil = await eve.signs_in_there(await eve.begins())
        asked = list(s.issuer.asked)
        refused(await olga.comes_back(evil), 400, "not begun in this browser")
        await olga.begins()
        refused(await olga.comes_back(evil), 400, "not begun in this browser")
        await olga.begins()
        for address in ("/admin/signed-in", "/admin/signed-in?code=x&state=%C3%A9", "/admin/signed-in?code=x&state="):
            refused(await olga.comes_back(address), 400, "not begun in this browser")
            await olga.begins()
        assert s.issuer.asked == asked, "nobody's code was sent anywhere"
        forged = {"Cookie": f"{ATTEMPT_COOKIE}={eve.edge.cookies[ATTEMPT_COOKIE][:-8]}AAAAAAA="}
        refused(await s.olga().edge.get(evil, headers=forged), 400, "not begun in this browser")
        # A sign-in cannot be passed off as a session, nor a session as a sign-in.
        passed_off = {**OURS, "Cookie": f"{COOKIE}={eve.edge.cookies[ATTEMPT_COOKIE]}"}
        assert (await s.olga().edge.get("/api/admin/me", headers=passed_off)).status_code == 401


async def test_a_sign_in_is_good_once_and_not_for_long(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        olga = s.olga()
        address = await olga.begins()
        kept = {"Cookie": f"{ATTEMPT_COOKIE}={olga.edge.cookies[ATTEMPT_COOKIE]}"}
        back = await olga.signs_in_there(address)
        assert (await olga.comes_back(back)).status_code == 303
        refused(await olga.comes_back(back), 400, "used before")
        refused(await s.olga().edge.get(back, headers=kept), 403, "can be used once")
        ahead = await olga.begins()
        s.door.clock.passed_s -= 30  # The edge to which they come back has a clock that is behind.
        assert (await olga.comes_back(await olga.signs_in_there(ahead))).status_code == 303
        assert await olga.is_known_as() == "olga"
        address = await olga.begins()
        s.door.clock.passed_s += ATTEMPT_MS / 1000 + 1
        refused(await olga.comes_back(await olga.signs_in_there(address)), 400, "ten minutes")


async def test_a_code_of_another_sign_in(database_url: str, redis_url: str) -> None:
    """By its own state, but with a code that was stolen: the verifier is another."""
    async with scene(database_url, redis_url) as s:
        olga, eve = s.olga(), s.olga()
        code = told(await olga.signs_in_there(await olga.begins()))["code"]
        state = told(await eve.begins())["state"]
        refused(await eve.comes_back(f"/admin/signed-in?code={code}&state={state}"), 403, "can be used once")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"aud": "authenticated"},
        {"aud": "somebody-elses-client"},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://another.example"},
        {"exp": 1_700_000_000},
        {"iat": None},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_in(database_url: str, redis_url: str, claims: dict[str, Any]) -> None:
    async with scene(database_url, redis_url) as s:
        s.issuer.claims = claims
        refused(await s.olga().signs_in(), 403, "not meant for this sign-in")
        s.issuer.claims = {"aud": [CLIENT]}
        assert (await s.olga().signs_in()).status_code == 303


async def test_a_token_that_somebody_else_signed(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        s.issuer.key = ec.generate_private_key(ec.SECP256R1())
        refused(await s.olga().signs_in(), 403, "not made by the issuer")
        s.issuer.token = lambda asked: jwt.encode({"sub": "auth0|olga"}, "", "none")  # type: ignore[method-assign]
        refused(await s.olga().signs_in(), 403, "not made by the issuer")


async def test_an_issuer_that_says_no(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        s.issuer.refuses = "access_denied"
        answer = await s.olga().signs_in()
        refused(answer, 403, "did not sign you in")
        assert "<b>no</b>" not in answer.text
        assert "access_denied" not in answer.text
        s.issuer.refuses = None
        olga = s.olga()
        back = await olga.signs_in_there(await olga.begins())
        refused(await olga.comes_back(back.replace("iss=http", "iss=https")), 502, "cannot be used")


async def test_nothing_is_sent_elsewhere(database_url: str, redis_url: str) -> None:
    got: list[str] = []

    async def takes(request: Request) -> Response:
        got.append(f"{request.url} {(await request.body()).decode()}")
        return Response(status_code=200)

    everything = Starlette(routes=[Route("/{path:path}", takes, methods=["GET", "POST"])])
    async with scene(database_url, redis_url) as s, served(everything) as elsewhere:
        for status in (302, 307):
            s.issuer.token_answer = RedirectResponse(f"{elsewhere}/token", status)
            refused(await s.olga().signs_in(), 502, "cannot be used")
        s.issuer.token_answer = None
        away = elsewhere.replace("127.0.0.1", "localhost")
        for lie in (
            {"issuer": "https://another.example"},
            {"issuer": s.issuer.url + "/"},
            {"token_endpoint": f"{away}/token"},
            {"authorization_endpoint": f"{away}/authorize"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"token_endpoint": 7},
        ):
            s.door.clock.passed_s += FRESH_S + 1
            s.issuer.discovery = lie
            refused(await s.olga().edge.get("/admin/sign-in"), 502, "cannot be used")
        s.issuer.discovery = {}
        olga = s.olga()
        address = await olga.begins()
        for more in ("&next=https://evil.example", "&redirect_uri=https://evil.example"):
            address = await olga.begins()
            back = await olga.comes_back(await olga.signs_in_there(address) + more)
            assert back.headers["location"] == "/admin"
        assert got == []


async def test_an_issuer_that_is_away(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        olga = s.olga()
        back = await olga.signs_in_there(await olga.begins())
        s.issuer.token_answer = Response("x" * 300_000)
        refused(await olga.comes_back(back), 502, "cannot be used")
        s.issuer.token_answer = Response("[" * 100_000)
        refused(await s.olga().signs_in(), 502, "cannot be used")
        s.issuer.token_answer = Response(status_code=503)
        refused(await s.olga().signs_in(), 502, "cannot be used")
        url, door = s.issuer.url, s.door
    # It has gone: nobody listens there.
    door.clock.passed_s += FRESH_S + 1
    assert url
    olga = Olga(door.app)
    refused(await olga.edge.get("/admin/sign-in"), 503, "Try again")
    await olga.close()


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
async def test_a_client_with_a_secret(database_url: str, redis_url: str, way: str) -> None:
    async with scene(database_url, redis_url, secret=CLIENT_SECRET) as s:
        s.issuer.discovery = {"token_endpoint_auth_methods_supported": [way]}
        assert (await s.olga().signs_in()).status_code == 303
        s.issuer.secret = "another"
        refused(await s.olga().signs_in(), 403, "can be used once")


async def test_nothing_of_it_is_logged(database_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with scene(database_url, redis_url, secret=CLIENT_SECRET) as s:
        olga = s.olga()
        first = await olga.signs_in_there(await olga.begins())
        second = await olga.signs_in_there(await olga.begins())
        refused(await olga.comes_back(first), 400, "not begun")
        address = await olga.begins()
        back = await olga.signs_in_there(address)
        assert (await olga.comes_back(back)).status_code == 303
        refused(await s.olga().comes_back(back), 400, "not begun")
        secrets = [told(each)[name] for each in (first, second, back) for name in ("code", "state")]
        secrets += [told(address)["nonce"], olga.edge.cookies[COOKIE], CLIENT_SECRET]
    said = "".join(capsys.readouterr())
    assert "operator.signed_in" in said
    assert "operator.sign_in_failed" in said
    assert [each for each in secrets if each in said] == []


async def test_an_address_cannot_keep_the_issuer_busy(database_url: str, redis_url: str) -> None:
    async with scene(database_url, redis_url) as s:
        answers = await asyncio.gather(*(s.olga().edge.get("/admin/sign-in") for _ in range(SIGN_INS_A_MINUTE + 5)))
        assert sorted(each.status_code for each in answers) == [303] * SIGN_INS_A_MINUTE + [429] * 5
        refused(next(each for each in answers if each.status_code == 429), 429, "in a minute")
        s.door.clock.passed_s += 60
        assert (await s.olga().signs_in()).status_code == 303
