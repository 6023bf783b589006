"""All that passes through Redis is sealed: a reader of Redis learns no card, and a writer to it is not believed.

A sealed message is a head, then AES-256-GCM's text and tag (16 bytes). The head is in the clear and authenticated, and
with it the place that the message is for: a room, or the name of whatever else lies in Redis. So nothing can be moved
from one place to another, nor be given another number.

No two messages may ever share key and nonce. Each sealer has a key of its own, derived from the deployment's through a
random salt of 128 bits that stands in the head, and its nonce counts. That is good for 2^64 messages a sealer; what
AES-GCM allows one key (2^64 blocks in all, of which far fewer should be used) is years at any rate that a process
reaches, and with 2^40 sealers two share a salt with a chance of 2^-49.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tavola.config.keys import derive

VERSION = 1
SALT_BYTES = 16
HEAD = Struct(f"!B{SALT_BYTES}s4xQQQ")
"""Version, the sealer's salt, the nonce (12 bytes, of which the first four are 0), epoch, seq."""
_NONCE = slice(1 + SALT_BYTES, 1 + SALT_BYTES + 12)
TAG_BYTES = 16
SEALERS_LIMIT = 10_000
"""Keys of sealers that an opener keeps; when there are more, all are derived again."""


class NotOpened(Exception):
    """Nobody of ours has sealed this, or not for this place, or not with these epoch and seq."""


class Sealer:
    """Seals for one process, or for a part of it."""

    def __init__(self, key: bytes) -> None:
        """`key` is the deployment's for this purpose, the newest."""
        self._salt = os.urandom(SALT_BYTES)
        self._encrypt = _cipher(key, self._salt).encrypt
        self._count = 0

    def seal(self, place: str, text: bytes, epoch: int = 0, seq: int = 0) -> bytes:
        self._count += 1
        head = HEAD.pack(VERSION, self._salt, self._count, epoch, seq)
        return head + self._encrypt(head[_NONCE], text, head + place.encode())


class Opener:
    """Opens what any sealer with one of these keys has sealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._ciphers: dict[bytes, AESGCM] = {}
        """Salt → cipher, of sealers by which something was opened; whoever writes nonsense makes it no larger."""

    def open(self, place: str, sealed: bytes) -> bytes:
        """The text that was sealed for that place. Raises NotOpened."""
        if len(sealed) < HEAD.size + TAG_BYTES or sealed[0] != VERSION:
            raise NotOpened
        salt, head = sealed[1 : 1 + SALT_BYTES], sealed[: HEAD.size]
        cipher = self._ciphers.get(salt)
        if cipher is not None:
            return _opened(cipher, place, head, sealed)
        for key in self._keys:
            cipher = _cipher(key, salt)
            try:
                text = _opened(cipher, place, head, sealed)
            except NotOpened:
                continue
            if len(self._ciphers) >= SEALERS_LIMIT:
                self._ciphers.clear()
            self._ciphers[salt] = cipher
            return text
        raise NotOpened


def numbers(sealed: bytes) -> tuple[int, int]:
    """Epoch and seq as the head tells them: true only if it opens. Raises NotOpened where there is no head."""
    if len(sealed) < HEAD.size:
        raise NotOpened
    _, _, _, epoch, seq = HEAD.unpack_from(sealed)
    return epoch, seq


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(derive(key, b"tavola sealer", salt))


def _opened(cipher: AESGCM, place: str, head: bytes, sealed: bytes) -> bytes:
    try:
        return cipher.decrypt(head[_NONCE], sealed[HEAD.size :], head + place.encode())
    except InvalidTag:
        raise NotOpened from None
