"""Identity tokens of another issuer, such as a Supabase project, that the deployment trusts.

Issuer, audience and algorithm are the deployment's, never the token's; of a token's header only `kid` is used, to
choose among the issuer's keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import jwt

from tavola.actors.wire.commands import BOT, GONE, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.names import clean, visible
from tavola.actors.wire.refusals import ISSUER_AWAY, TOKEN_EXPIRED, TOKEN_INVALID
from tavola.edge.identity.auth import GUEST, LEEWAY_S, Identity, fit

OLDEST_S = 7 * 86_400
"""A token that was issued longer ago is not taken, however long it is to live: sign-outs are kept a little longer."""
TOKEN_LIMIT = 16 * 1024


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had, and were not lately."""


class Keys(Protocol):
    async def key(self, kid: object) -> Any:
        """The key of that name, or None. Raises `KeysUnavailable`."""


class OneKey:
    """An issuer's only key: a public key in PEM, or a shared secret. It needs no name."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def key(self, kid: object) -> str:
        return self._key


class Issuer:
    """Verifies the tokens of one issuer."""

    def __init__(self, name: str, audience: str, algorithm: str, keys: Keys) -> None:
        """`name` is the issuer's `iss`; `algorithm` is the only one that is taken."""
        self.name = name
        self._audience = audience
        self._algorithm = algorithm
        self._keys = keys
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    def for_client(self, client: str) -> Issuer:
        """The same issuer, of tokens that are meant for that client of its."""
        return Issuer(self.name, client, self._algorithm, self._keys)

    async def verify(
        self, token: str, holds: Callable[[dict[str, Any]], bool] = lambda claims: True
    ) -> Identity | Refusal:
        """The bearer, as the token says; or why it says nothing. Whether they signed out is not looked at. `holds` is
        asked of its claims when all else is found to be good."""
        try:
            header = jwt.get_unverified_header(token)
            if len(token) > TOKEN_LIMIT or header.get("alg") != self._algorithm:
                return TOKEN_INVALID
            key = await self._keys.key(header.get("kid"))
            if key is None:
                return TOKEN_INVALID
            claims: dict[str, Any] = self._jwt.decode(
                token,
                key,
                algorithms=[self._algorithm],
                audience=self._audience,
                issuer=self.name,
                leeway=LEEWAY_S,
                options={"require": ["sub", "exp", "iat", "aud", "iss"]},
            )
        except KeysUnavailable:
            return ISSUER_AWAY
        except jwt.ExpiredSignatureError:
            return TOKEN_EXPIRED
        except jwt.PyJWTError:
            return TOKEN_INVALID
        user, issued_at = claims["sub"], claims["iat"]
        if not fit(user) or user.startswith((GUEST, BOT, GONE)) or not isinstance(issued_at, int | float):
            return TOKEN_INVALID
        if issued_at < time.time() - OLDEST_S:
            return TOKEN_EXPIRED
        if not holds(claims):
            return TOKEN_INVALID
        return Identity(UserId(user), _name(claims) or user, int(claims["exp"]), int(issued_at * 1000))


def issuer_of(token: str) -> object:
    """The issuer that a token names. Nothing of it is checked."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.PyJWTError:
        return None


def _name(claims: dict[str, Any]) -> str:
    """The first name that the claims have: their own, their metadata's, or what stands before the @."""
    metadata, email = claims.get("user_metadata"), claims.get("email")
    names = (
        claims.get("name"),
        metadata.get("full_name") if isinstance(metadata, dict) else None,
        email.partition("@")[0] if isinstance(email, str) else None,
    )
    return next((clean(name) for name in names if isinstance(name, str) and visible(name)), "")
