"""An issuer's published keys (RFC 7517), by name. Read again now and then, and for a name that is not among them; while
they cannot be read, those that were read last go on for an hour.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import structlog

from tavola.edge.identity.issuers import KeysUnavailable

log = structlog.get_logger()

FRESH_S = 300.0
KEPT_S = 3600.0
AGAIN_S = 30.0
"""Between two readings for the sake of unknown names."""
AFTER_FAILURE_S = 5.0
READ_WITHIN_S = 3.0


class Jwks:
    """Never keeps anybody waiting for longer than `READ_WITHIN_S`; at most one reading is under way."""

    def __init__(self, location: str, algorithm: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`location` is a URL or the path of a file; keys for another algorithm are left out."""
        self._algorithm = algorithm
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._again_at = -KEPT_S
        self._reading: asyncio.Task[None] | None = None
        self._location = location
        self._client: jwt.PyJWKClient | None = None
        if "://" in location:
            self._client = jwt.PyJWKClient(location, cache_jwk_set=False, timeout=READ_WITHIN_S)

    async def key(self, kid: object) -> jwt.PyJWK | None:
        """The key of that name, or None. Raises `KeysUnavailable`."""
        if not isinstance(kid, str):
            return None
        known = self._keys.get(kid)
        age = self._clock() - self._read_at
        if known is not None and age < FRESH_S:
            return known
        if self._reading is None and self._clock() >= self._again_at:
            self._reading = asyncio.create_task(self._read())
        if known is not None and age < KEPT_S:
            return known
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=READ_WITHIN_S)
        if self._clock() - self._read_at >= KEPT_S:
            raise KeysUnavailable
        return self._keys.get(kid)

    async def _read(self) -> None:
        wait_s = AFTER_FAILURE_S
        try:
            self._keys = self._usable(await asyncio.to_thread(self._fetch))
            self._read_at, wait_s = self._clock(), AGAIN_S
        except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
            log.error("jwks.not_read", location=self._location, error=type(error).__name__, reason=str(error))
        finally:
            self._again_at = self._clock() + wait_s
            self._reading = None

    def _fetch(self) -> Any:
        return self._client.fetch_data() if self._client is not None else json.loads(Path(self._location).read_text())

    def _usable(self, published: Any) -> dict[str, jwt.PyJWK]:
        """The keys that may verify our algorithm. Raises `ValueError` if there is none."""
        keys: dict[str, jwt.PyJWK] = {}
        listed = published.get("keys") if isinstance(published, dict) else None
        for each in listed if isinstance(listed, list) else []:
            if isinstance(each, dict) and isinstance(kid := each.get("kid"), str) and self._meant(each):
                try:
                    key = jwt.PyJWK(each, self._algorithm)
                    key.Algorithm.prepare_key(key.key)
                    keys[kid] = key
                except (jwt.PyJWTError, ValueError, TypeError):
                    log.info("jwks.key_unusable", location=self._location, kid=kid)
        if not keys:
            raise ValueError(f"no key for {self._algorithm}")
        return keys

    def _meant(self, key: dict[str, Any]) -> bool:
        return bool(key.get("use", "sig") == "sig" and key.get("alg", self._algorithm) == self._algorithm)
