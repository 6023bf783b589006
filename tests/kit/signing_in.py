"""Operators at the door of an edge that sends them to an issuer: the pages, the REST endpoints, and the way there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from kit.doors import Doors, doors
from kit.hosts import SECRET
from kit.small_issuer import ALGORITHM, CLIENT, SmallIssuer, small_issuer
from tavola.edge.common.limits import NO_LIMITS
from tavola.edge.endpoints import RestApi
from tavola.edge.identity.issuers import Issuer
from tavola.edge.identity.jwks import Jwks
from tavola.edge.identity.operators import OperatorCookies, Operators
from tavola.edge.identity.sign_outs import SignOuts
from tavola.edge.operating.issuer_client import IssuerClient
from tavola.edge.operating.sign_in import SIGNED_IN, SignIn
from tavola.edge.rest import pages
from tavola.edge.rest.lobby import Lobby


class Clock:
    """Seconds for what is believed for a while, milliseconds for sign-ins: gone on by hand."""

    def __init__(self) -> None:
        from tavola.config.clock import now_ms

        self.passed_s = 0.0
        self._now_ms = now_ms

    def seconds(self) -> float:
        return self.passed_s

    def ms(self) -> int:
        return self._now_ms() + int(self.passed_s * 1000)


class SigningIn:
    """An edge's `app` as operators know it, at `origin`, and the issuer that it trusts."""

    def __init__(self, d: Doors, issuer: SmallIssuer, origin: str, secret: str = "") -> None:
        self.clock = Clock()
        issuer.redirect_uri = origin + SIGNED_IN
        trusted = Issuer(issuer.url, "authenticated", ALGORITHM, Jwks(f"{issuer.url}/jwks", ALGORITHM))
        cookies = OperatorCookies(SECRET, self.clock.ms)
        self.sign_outs = SignOuts(d.database, lambda user, at: None)
        who = d.services.who
        operators = Operators(
            d.database, "", who.of_token, self.clock.seconds, cookies=cookies, signed_out=self.sign_outs.ever_covered
        )
        client = IssuerClient(trusted, CLIENT, secret, origin + SIGNED_IN, self.clock.seconds)
        door = SignIn(client, operators, cookies, secure=origin.startswith("https"), clock=self.clock.seconds)
        api = RestApi(d.services, who, Lobby(d.database, d.services.errand), NO_LIMITS, operators)
        self.app = Starlette(routes=[*pages.routes(operator=True, issuer=issuer.url), *api.routes(), *door.routes()])


@asynccontextmanager
async def signing_in(
    database_url: str, redis_url: str, origin: str = "https://edge.test", secret: str = ""
) -> AsyncIterator[tuple[Doors, SmallIssuer, SigningIn]]:
    async with doors(database_url, redis_url) as d, small_issuer() as issuer:
        issuer.secret = secret
        yield d, issuer, SigningIn(d, issuer, origin, secret)
