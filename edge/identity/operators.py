"""The operator of this deployment: anybody who sends its secret. Guessing is slowed, for each address."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from starlette.requests import Request

from tavola.actors.wire.commands import UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_SECRET, WRONG_SECRET
from tavola.edge.common.addresses import party
from tavola.edge.common.limits import Rates
from tavola.edge.identity.auth import Identity

GUESSES = 10.0
"""Wrong secrets that one address may send, at once and a minute."""
OPERATOR = Identity(UserId("operator"), "Operator", 0)
GUESSING = Refusal("rate_limited", "Too many wrong secrets.", None, int(60_000 / GUESSES))


class Operator:
    def __init__(self, secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        assert secret
        self._secret = secret.strip().encode()
        self._clock = clock
        self._guesses = Rates(GUESSES / 60, GUESSES)

    async def of_request(self, request: Request) -> Identity | Refusal:
        """The operator, if the request holds the secret. From an address that guesses, nothing is looked at for a
        while: not the right secret either, or a guess would cost nothing."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            return NO_SECRET
        address, now = party(request.client.host if request.client else ""), self._clock()
        if not self._guesses.would(address, now):
            return GUESSING
        # A header's bytes are read as Latin-1.
        if hmac.compare_digest(given.strip().encode("latin-1"), self._secret):
            return OPERATOR
        self._guesses.take(address, now)
        return WRONG_SECRET
