"""Identity tokens: who somebody is. HS256 with the deployment's secret; the algorithm is fixed, never the token's."""

from __future__ import annotations

import secrets
import time
from typing import Any

import jwt
import msgspec

from actors.commands import UserId
from actors.messages import No
from actors.names import clean

AUDIENCE = "tavola"
ISSUER = "tavola"
ALGORITHM = "HS256"
LIFE_S = 3600
LEEWAY_S = 5

UNAUTHENTICATED = No("unauthenticated", "Sign in first.")
EXPIRED = No("token_expired", "That token has expired; get a new one.")
INVALID = No("token_invalid", "That token is not valid here.")


class Identity(msgspec.Struct, frozen=True):
    """A verified user. `expires_at` is in seconds since the epoch."""

    user: UserId
    name: str
    expires_at: int


class Identities:
    """Issues and verifies identity tokens."""

    def __init__(self, secret: bytes) -> None:
        """`secret` has at least 32 bytes; a shorter one is refused by the first use."""
        self._secret = secret
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    def guest(self, name: str | None) -> Identity:
        """A user who was never here before."""
        user = UserId(f"u_{secrets.token_hex(8)}")
        return self.renewed(Identity(user, clean(name or "") or f"Guest {user[-4:]}", 0))

    def renewed(self, identity: Identity, name: str | None = None) -> Identity:
        return Identity(identity.user, clean(name or "") or identity.name, int(time.time()) + LIFE_S)

    def token(self, identity: Identity) -> str:
        claims = {
            "sub": identity.user,
            "name": identity.name,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": secrets.token_hex(8),
            "exp": identity.expires_at,
        }
        return self._jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def verify(self, token: str) -> Identity | No:
        """Who the token says the bearer is; or why it says nothing."""
        try:
            claims: dict[str, Any] = self._jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_S,
                options={"require": ["sub", "exp", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            return EXPIRED
        except jwt.PyJWTError:
            return INVALID
        user, name = claims["sub"], claims.get("name")
        if not isinstance(user, str) or not 0 < len(user) <= 64 or not user.isprintable():
            return INVALID
        return Identity(UserId(user), clean(name if isinstance(name, str) else "") or user, int(claims["exp"]))
