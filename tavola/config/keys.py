"""The deployment's secrets, and the keys derived from them, one for each purpose. A leaf that anyone may import.

Nothing is signed or sealed with a secret itself but tokens (JWT), whose format wants it. Everything else that is
proved, sealed or told of a secret is so with a key that HKDF makes of it and of a label; so what one purpose gives
away helps with no other, and a format that changes gets another label.
"""

from __future__ import annotations

from enum import Enum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class Purpose(Enum):
    """The purpose of a key. The value is its label: it changes with the format, and no two are alike."""

    LINE = b"tavola line 2"
    REDIS = b"tavola redis 1"
    FINGERPRINT = b"tavola fingerprint 1"
    WEBHOOKS = b"tavola webhooks 1"
    OPERATORS = b"tavola operators 1"


def derive(key: bytes, label: bytes, salt: bytes = b"") -> bytes:
    """A key of `KEY_BYTES` made of another one by HKDF (RFC 5869, SHA-256). A holder of it learns nothing of `key`."""
    return HKDF(SHA256(), KEY_BYTES, salt, label).derive(key)


class Secrets:
    """The secret in use, and at most one other that is accepted as well, while one takes the place of the other."""

    def __init__(self, newest: bytes, other: bytes = b"") -> None:
        """New tokens and seals are made with `newest`; those that come may have been made with either. `other` empty:
        there is none."""
        assert newest
        self.newest = newest
        self.other = other if other != newest else b""

    @property
    def all(self) -> tuple[bytes, ...]:
        """Those that are accepted; the first is in use."""
        return (self.newest, self.other) if self.other else (self.newest,)

    def keys(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The key of each, in the same order."""
        return tuple(derive(secret, purpose.value) for secret in self.all)

    def __repr__(self) -> str:
        return f"Secrets({len(self.all)} of them)"
