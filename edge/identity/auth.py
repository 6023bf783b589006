"""Identity tokens of our own. HS256 with the deployment's secret; the algorithm is fixed, never the token's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jwt
import msgspec

from tavola.actors.wire.commands import OPERATORS, SERVICE, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.names import clean
from tavola.actors.wire.refusals import TOKEN_EXPIRED, TOKEN_INVALID
from tavola.config.keys import Secrets

AUDIENCE = "tavola"
ISSUER = "tavola"
ALGORITHM = "HS256"
LIFE_S = 3600
LEEWAY_S = 5
GUEST = "u_"
"""The ids of our guests begin with this, and nobody else's."""
USER_LIMIT = 64
"""Characters of a user's id."""


class Identity(msgspec.Struct, frozen=True):
    """A verified user. `expires_at` is in seconds since the epoch, `issued_at` in milliseconds: the moment of the token
    or the session by which they are known, which is good unless they signed out then or later.
    """

    user: UserId
    name: str
    expires_at: int
    issued_at: int = 0
    service: str = ""
    """The name of the server that vouches for the user, or is the sender itself. Empty: the user came by themselves."""
    scopes: frozenset[str] = frozenset()
    """The things that the server may ask for here."""


class Identities:
    """Issues and verifies identity tokens."""

    def __init__(
        self, secrets: Secrets, signed_out: Callable[[UserId, int], bool] = lambda user, issued_at: False
    ) -> None:
        """Each secret has at least 32 bytes; a shorter one is refused by the first use. `signed_out` says of a user and
        a moment (ms) whether what was issued to them then is no good any more.
        """
        self._secrets = secrets
        self._signed_out = signed_out
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    def guest(self, name: str | None) -> Identity:
        """A user who was never here before."""
        user = UserId(f"{GUEST}{secrets.token_hex(8)}")
        return self.known(user, clean(name or "") or f"Guest {user[-4:]}", time.time_ns() // 1_000_000)

    def known(self, user: UserId, name: str, issued_at: int) -> Identity:
        """The claims of a token that is given to the user now. It bears the moment `issued_at` (ms)."""
        return Identity(user, name, int(time.time()) + LIFE_S, issued_at)

    def token(self, identity: Identity) -> str:
        claims = {
            "sub": identity.user,
            "name": identity.name,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": secrets.token_hex(8),
            "iat": identity.issued_at / 1000,
            "exp": identity.expires_at,
        }
        return self._jwt.encode(claims, self._secrets.newest, algorithm=ALGORITHM)

    def verify(self, token: str) -> Identity | Refusal:
        """The bearer, as the token says; or why it says nothing."""
        try:
            claims = decode(
                self._jwt,
                token,
                self._secrets,
                audience=AUDIENCE,
                leeway=LEEWAY_S,
                # `iat` is told by the database's clock, and compared with nothing but sign-outs, which are too.
                options={"require": ["sub", "exp", "aud", "iss"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            return TOKEN_EXPIRED
        except jwt.PyJWTError:
            return TOKEN_INVALID
        user, name, issued_at = claims["sub"], claims.get("name"), claims.get("iat", 0)
        if not fit(user) or not isinstance(issued_at, int | float):
            return TOKEN_INVALID
        named = clean(name if isinstance(name, str) else "") or user
        identity = Identity(UserId(user), named, int(claims["exp"]), round(issued_at * 1000))
        return TOKEN_INVALID if self._signed_out(identity.user, identity.issued_at) else identity


def decode(reader: jwt.PyJWT, token: str, secrets: Secrets, **asked: Any) -> dict[str, Any]:
    """The claims of a token of ours, signed with any of the secrets. Raises what PyJWT raises."""
    for secret in secrets.all[:-1]:
        with suppress(jwt.InvalidSignatureError):
            return _decode(reader, token, secret, asked)
    return _decode(reader, token, secrets.all[-1], asked)


def _decode(reader: jwt.PyJWT, token: str, secret: bytes, asked: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = reader.decode(token, secret, algorithms=[ALGORITHM], issuer=ISSUER, **asked)
    return claims


def fit(user: object) -> bool:
    """Whether this can be a user's id."""
    if not isinstance(user, str) or not 0 < len(user) <= USER_LIMIT:
        return False
    return user.isprintable() and not user.startswith((SERVICE, OPERATORS))
