"""The user of a request or a socket: by token, ours or a trusted issuer's, or by the session in its cookie."""

from __future__ import annotations

from starlette.requests import Request

from tavola.actors.wire.commands import UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import OTHER_SITE, TOKEN_INVALID, UNAUTHENTICATED, UNMARKED
from tavola.edge.identity.auth import Identities, Identity
from tavola.edge.identity.issuers import Issuer, issuer_of
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.services import PREFIX, KnownServices
from tavola.edge.identity.sessions import Sessions
from tavola.edge.identity.sign_outs import SignOuts

COOKIE = "tavola_session"
COOKIE_LIMIT = 512
READING = ("GET", "HEAD")


class Authenticator:
    """Everything here raises `StorageUnavailable` when only Postgres could say, and it does not."""

    def __init__(
        self,
        identities: Identities,
        sessions: Sessions,
        sign_outs: SignOuts,
        origins: Origins,
        issuer: Issuer | None,
        services: KnownServices,
    ) -> None:
        self.identities = identities
        self.sessions = sessions
        self.origins = origins
        self._sign_outs = sign_outs
        self.services = services
        self._issuer = issuer

    def at_once(self, request: Request) -> Identity | None:
        """The user, if a good token of our own says who it is: nobody need be asked about that."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = self.identities.verify(token.strip())
        return found if isinstance(found, Identity) else None

    async def of_request(self, request: Request) -> Identity | Refusal:
        """By its bearer token if it has one, else by its cookie: then, unless it only reads, no other site may have
        made it.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if (token := token.strip()).startswith(PREFIX):
                return await self.services.of_request(request, token)
            return await self.of_token(token) if token else UNAUTHENTICATED
        cookie = request.cookies.get(COOKIE)
        if request.method not in READING:
            if not self.origins.allow(request):
                return OTHER_SITE
            if cookie is not None and request.headers.get("x-requested-with", "").lower() != "tavola":
                return UNMARKED
        return await self.of_cookie(cookie)

    async def of_cookie(self, cookie: str | None) -> Identity | Refusal:
        """By what `tavola_session` holds. Where a socket is concerned, its origin was found to be allowed."""
        if not cookie or len(cookie) > COOKIE_LIMIT:
            return UNAUTHENTICATED
        session = await self.sessions.find(cookie)
        if session is None:
            return UNAUTHENTICATED
        ends_at = (session.renewed_at + session.life_ms) // 1000
        return Identity(UserId(session.user_id), session.display_name, ends_at, session.created_at)

    async def of_token(self, token: str) -> Identity | Refusal:
        """By an identity token. One of ours is looked at without waiting for anything."""
        if self._issuer is None or issuer_of(token) != self._issuer.name:
            return self.identities.verify(token)
        found = await self._issuer.verify(token)
        if isinstance(found, Identity) and await self._sign_outs.ever_covered(found.user, found.issued_at):
            return TOKEN_INVALID
        return found
