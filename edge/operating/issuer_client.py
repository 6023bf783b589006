"""This deployment as a client of the trusted issuer: the authorization code flow of OpenID Connect, with PKCE.

The issuer says where to go (its discovery document), and nothing else that it says is believed before its signature
was: state, nonce and verifier are ours, the address to come back to is a setting, and no redirect is followed.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import httpx
import msgspec

from tavola.actors.wire.messages import Refusal
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.issuers import TOKEN_LIMIT, Issuer
from tavola.edge.identity.operators import SKEW_MS

WELL_KNOWN = "/.well-known/openid-configuration"
FRESH_S = 300.0
"""So long the issuer's document is believed to be as it was."""
WITHIN_S, CONNECT_WITHIN_S = 5.0, 3.0
ANSWER_LIMIT = 256 * 1024
"""Bytes of an answer of the issuer's, at most."""
CODE_LIMIT = 4096
AT_ONCE = 8
"""Sign-ins that an edge asks the issuer about at once; others wait."""
ATTEMPT_MS = 600_000
"""So long somebody may take at the issuer's."""

Why = Literal["issuer_away", "issuer_wrong", "attempt_unknown", "issuer_refused", "code_refused", "token_invalid"]


class SignInFailed(Exception):
    """`why` names the failure; `detail` is for the log, and has nothing that the browser or the issuer sent."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why} {detail}".strip())
        self.why, self.detail = why, detail


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """A sign-in that was begun at a moment (ms), as its browser keeps it, sealed. None but it can end it."""

    state: str
    nonce: str
    verifier: str
    at: int


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Redeemed(msgspec.Struct, frozen=True):
    id_token: str


class IssuerClient:
    """All of it raises `SignInFailed`."""

    def __init__(
        self,
        issuer: Issuer,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`client_secret` empty: the issuer gave none. `redirect_uri` is what the issuer knows, to the letter."""
        self._issuer = issuer.for_client(client_id)
        self._id, self._secret, self._redirect_uri = client_id, client_secret, redirect_uri
        self._clock = clock
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(WITHIN_S, connect=CONNECT_WITHIN_S), follow_redirects=False, trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )  # fmt: skip
        self._known: tuple[float, _Discovered] | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def begin(self, now: int) -> tuple[str, Attempt]:
        """The address at the issuer's to send the browser to, and what it is to come back with."""
        found = await self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = Attempt(state, nonce, verifier, now)
        challenge = urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self._id, "redirect_uri": self._redirect_uri,
            "scope": "openid profile", "state": attempt.state, "nonce": attempt.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        parts = urlsplit(found.authorization_endpoint)
        query = urlencode([*parse_qsl(parts.query), *asked.items()])
        return urlunsplit(parts._replace(query=query, fragment="")), attempt

    async def end(self, attempt: Attempt | None, told: Callable[[str], str | None], now: int) -> Identity:
        """The user of the issuer's who came back to this attempt with what they were `told`, by name."""
        state = told("state") or ""
        if attempt is None or not -SKEW_MS <= now - attempt.at < ATTEMPT_MS:
            raise SignInFailed("attempt_unknown", "none was begun, or long ago")
        if not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise SignInFailed("attempt_unknown", "another state")
        if (issuer := told("iss")) is not None and issuer != self._issuer.name:
            raise SignInFailed("issuer_wrong", "another issuer answered")
        if told("error") is not None:
            raise SignInFailed("issuer_refused")
        code = told("code")
        if not code or len(code) > CODE_LIMIT:
            raise SignInFailed("issuer_wrong", "no code")
        token = await self._redeemed(code, attempt)

        def holds(claims: dict[str, Any]) -> bool:
            nonce, audience = claims.get("nonce"), claims["aud"]
            ours = audience == self._id or (audience == [self._id])
            party = claims.get("azp", self._id if ours else None)
            return (
                isinstance(nonce, str)
                and hmac.compare_digest(nonce.encode(), attempt.nonce.encode())
                and (party == self._id)
            )

        who = await self._issuer.verify(token, holds)
        if isinstance(who, Refusal):
            raise SignInFailed("issuer_away" if who.retry_after_ms else "token_invalid", who.code)
        return who

    async def _redeemed(self, code: str, attempt: Attempt) -> str:
        """The identity token for a code."""
        found = await self._discovered()
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri,
            "client_id": self._id, "code_verifier": attempt.verifier,
        }  # fmt: skip
        auth = None
        if self._secret:
            if "client_secret_basic" in found.token_endpoint_auth_methods_supported:
                auth = httpx.BasicAuth(quote(self._id, safe=""), quote(self._secret, safe=""))
            else:
                form["client_secret"] = self._secret
        status, body = await self._ask(self._client.build_request("POST", found.token_endpoint, data=form), auth)
        if 400 <= status < 500:
            raise SignInFailed("code_refused", f"status {status}")
        try:
            token = msgspec.json.decode(body, type=_Redeemed).id_token if status == 200 else ""
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            token = ""
        if not 0 < len(token) <= TOKEN_LIMIT:
            raise SignInFailed("issuer_wrong", f"status {status}, and no identity token for the code")
        return token

    async def _discovered(self) -> _Discovered:
        if self._known is not None and self._clock() < self._known[0]:
            return self._known[1]
        name = self._issuer.name
        status, body = await self._ask(self._client.build_request("GET", name.rstrip("/") + WELL_KNOWN))
        if status != 200:
            raise SignInFailed("issuer_away" if status >= 500 else "issuer_wrong", f"discovery: status {status}")
        try:
            found = msgspec.json.decode(body, type=_Discovered)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise SignInFailed("issuer_wrong", "discovery: not such a document") from None
        if found.issuer != name:
            raise SignInFailed("issuer_wrong", "discovery: of another issuer")
        if not all(_as_safe(url, name) for url in (found.authorization_endpoint, found.token_endpoint)):
            raise SignInFailed("issuer_wrong", "discovery: an endpoint without TLS")
        self._known = self._clock() + FRESH_S, found
        return found

    async def _ask(self, request: httpx.Request, auth: httpx.BasicAuth | None = None) -> tuple[int, bytes]:
        """The status and the body of the issuer's answer."""
        body = bytearray()
        try:
            async with asyncio.timeout(2 * WITHIN_S), self._turns:
                answer = await self._client.send(request, auth=auth, stream=True)
                try:
                    async for chunk in answer.aiter_bytes():
                        body += chunk
                        if len(body) > ANSWER_LIMIT:
                            raise SignInFailed("issuer_wrong", "a longer answer than there can be")
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise SignInFailed("issuer_away", type(error).__name__) from None
        return answer.status_code, bytes(body)


def _as_safe(url: str, issuer: str) -> bool:
    """Whether one may go there: by TLS, or as one goes to the issuer itself."""
    try:
        parts, own = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    if parts.username is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == own.scheme and parts.hostname == own.hostname)
