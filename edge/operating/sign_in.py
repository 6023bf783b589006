"""Operators sign in at the trusted issuer: `/admin/sign-in` sends a browser there, `/admin/signed-in` is where it comes
back to. From then on a cookie says which user of the issuer's it is; whether that is an operator, and of which role,
is looked up with each request (`Operators`).

Each failure is a page in plain words with a way back. No address that stays in a browser or a log has a code, a state
or a token: coming back ends in a redirect, and failures say nothing that was sent.
"""

from __future__ import annotations

import html
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tavola.actors.wire.commands import UserId
from tavola.config.settings import Settings
from tavola.edge.common.addresses import party
from tavola.edge.common.limits import PerMinute
from tavola.edge.identity.issuers import Issuer
from tavola.edge.identity.operators import COOKIE, SIGNED_IN_MS, OperatorCookies, Operators, OperatorSession
from tavola.edge.operating.admin_api import ADMIN
from tavola.edge.operating.issuer_client import ATTEMPT_MS, Attempt, IssuerClient, SignInFailed, Why
from tavola.edge.rest.pages import HEADERS, NO_FRAMES
from tavola.edge.rest.rest import Answer, Call, Endpoint, RestReply
from tavola.storage.postgres import StorageUnavailable

log = structlog.get_logger()

PAGE, SIGN_IN, SIGNED_IN = "/admin", "/admin/sign-in", "/admin/signed-in"
ATTEMPT_COOKIE = "tavola_sign_in"
SIGN_INS_A_MINUTE = 20
"""For each address: beginning and ending count alike."""
SAID: dict[Why, tuple[int, str]] = {
    "issuer_away": (503, "The issuer cannot be reached just now. Try again in a moment."),
    "issuer_wrong": (502, "The issuer's answer cannot be used. The log says why."),
    "attempt_unknown": (
        400,
        "This sign-in was not begun in this browser, or is over: it was used before, or took longer than ten minutes.",
    ),
    "issuer_refused": (403, "The issuer did not sign you in, or you did not want it to."),
    "code_refused": (403, "The issuer does not accept this sign-in any more: it can be used once, and soon."),
    "token_invalid": (403, "The issuer's answer is not meant for this sign-in, or was not made by the issuer."),
}


class OperatorSignedOut(msgspec.Struct, frozen=True):
    """The operator who has signed out, everywhere."""

    name: str


class SignIn:
    """The door at which operators sign in."""

    def __init__(
        self,
        client: IssuerClient,
        operators: Operators,
        cookies: OperatorCookies,
        *,
        secure: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secure`: the page is reached by TLS, and the cookies go nowhere else."""
        self._client, self._operators, self._cookies = client, operators, cookies
        self._secure = secure
        self._clock = clock
        self._rate = PerMinute(SIGN_INS_A_MINUTE)

    def routes(self) -> list[Route]:
        return [Route(SIGN_IN, self._begins, methods=["GET"]), Route(SIGNED_IN, self._comes_back, methods=["GET"])]

    async def _begins(self, request: Request) -> Response:
        if (full := self._too_many(request)) is not None:
            return full
        try:
            address, attempt = await self._client.begin(self._cookies.now())
        except SignInFailed as error:
            return _failed(error)
        answer = Response(status_code=303, headers={"Location": address, **_UNSEEN})
        self._set(answer, ATTEMPT_COOKIE, self._cookies.sealed(attempt), ATTEMPT_MS // 1000, PAGE, "lax")
        return answer

    async def _comes_back(self, request: Request) -> Response:
        answer = self._too_many(request) or await self._ended(request)
        self._set(answer, ATTEMPT_COOKIE, "", 0, PAGE, "lax")  # It is good for one answer.
        return answer

    async def _ended(self, request: Request) -> Response:
        attempt = self._cookies.opened(Attempt, request.cookies.get(ATTEMPT_COOKIE))
        try:
            who = await self._client.end(attempt, request.query_params.get, self._cookies.now())
            operator = await self._operators.of_user(who.user)
        except SignInFailed as error:
            return _failed(error)
        except StorageUnavailable:
            return _page(503, "The database is away. Try again in a moment.")
        if operator is None:
            log.warning("operator.not_known")
            return _page(
                403,
                "The issuer knows you, and you are no operator here. Somebody who may can make you one:",
                f"tavola operator add NAME --role look --user '{who.user}'",
            )
        log.info("operator.signed_in", operator=operator.name)
        answer = Response(status_code=303, headers={"Location": PAGE, **_UNSEEN})
        session = self._cookies.sealed(OperatorSession(who.user, self._cookies.now()))
        self._set(answer, COOKIE, session, SIGNED_IN_MS // 1000, ADMIN, "strict")
        return answer

    def _too_many(self, request: Request) -> Response | None:
        address = party(request.client.host if request.client else "")
        if self._rate.take(address, self._clock()):
            return None
        return _page(429, "Too many sign-ins come from your address. Try again in a minute.")

    def _set(self, answer: Response, name: str, value: str, life_s: int, path: str, site: str) -> None:
        answer.headers.append("Set-Cookie", _cookie(name, value, life_s, path, site, secure=self._secure))


def made(settings: Settings, issuer: Issuer | None, operators: Operators | None) -> SignIn | None:
    """The door, where the deployment has one."""
    if not settings.admin_client_id or issuer is None or operators is None or operators.cookies is None:
        return None
    secret = settings.admin_client_secret.get_secret_value()
    client = IssuerClient(issuer, settings.admin_client_id, secret, settings.admin_url + SIGNED_IN)
    secure = urlsplit(settings.admin_url).scheme == "https"
    return SignIn(client, operators, operators.cookies, secure=secure)


def endpoints(operators: Operators, sign_out: Callable[[UserId], Awaitable[object]]) -> list[Endpoint]:
    async def leave(call: Call) -> Answer:
        session = operators.cookies.session(call.request) if operators.cookies is not None else None
        if session is not None:
            await sign_out(session.user)
        gone = _cookie(COOKIE, "", 0, ADMIN, "strict", secure=call.request.url.scheme == "https")
        return RestReply(OperatorSignedOut(call.identity.name), {"Set-Cookie": gone, "Cache-Control": "no-store"})

    return [
        Endpoint(
            "DELETE", f"{ADMIN}/session", leave, "Sign out who signed in at the issuer, everywhere", OperatorSignedOut,
            operator="look",
        )
    ]  # fmt: skip


_UNSEEN = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def _cookie(name: str, value: str, life_s: int, path: str, site: str, *, secure: bool) -> str:
    cookie = f"{name}={value}; Max-Age={life_s}; Path={path}; HttpOnly; SameSite={site.title()}"
    return cookie + ("; Secure" if secure else "")


def _failed(error: SignInFailed) -> Response:
    log.warning("operator.sign_in_failed", reason=error.why, detail=error.detail)
    return _page(*SAID[error.why])


def _page(status: int, said: str, more: str = "") -> Response:
    """A page of one sentence, and the way back."""
    command = f"<p><code>{html.escape(more)}</code></p>" if more else ""
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>Not signed in · '
        'Tavola</title><link rel="stylesheet" href="/static/base.css"></head><body><main class="page door"><h1>Not '
        f'signed in</h1><p role="alert">{html.escape(said)}</p>{command}<p><a href="{SIGN_IN}">Sign in again</a> · '
        f'<a href="{PAGE}">Back to the operators\' page</a></p></main></body></html>'
    )
    headers = {**HEADERS, **NO_FRAMES, **_UNSEEN}
    return Response(body, status, headers, media_type="text/html; charset=utf-8")
