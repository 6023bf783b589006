"""Requests by httpx."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from .transport import HttpReply


class HttpxHttp:
    """As `transport.Requester` says, until it is closed. It keeps no cookies: an identity has its own."""

    def __init__(self, url: str, *, timeout_s: float = 15.0) -> None:
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_s, cookies=jar)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpReply:
        try:
            reply = await self._client.request(method, path, content=body, headers=headers)
        except httpx.TimeoutException as error:
            raise TimeoutError(f"no answer from {error.request.url.host} in time") from error
        except httpx.TransportError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error
        return HttpReply(reply.status_code, dict(reply.headers), reply.content)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._client.aclose()
