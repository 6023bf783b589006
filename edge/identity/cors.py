"""CORS: pages of the origins that the deployment names may ask by REST, and load what is ours; no other may.

The CORS protocol (Fetch standard, section 3.3) for `/api` and `/static`. The operator's part is for no other origin.
An origin is answered by its own name and never by `*`, which browsers take for no request that bears a cookie.
"""

from __future__ import annotations

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tavola.actors.wire.refusals import OTHER_SITE
from tavola.edge.identity.origins import Origins

OPEN = ("/api/", "/static/")
CLOSED = "/api/admin"
METHODS = "GET, POST, PUT, PATCH, DELETE"
SENT = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Traceparent, Tracestate, X-Requested-With"
"""Headers that a request may have, beside those that every page may send."""
READ = "ETag, Retry-After"
"""Headers of an answer that a page may read, beside those that every page may."""
KEPT_S = 600
"""For so long a browser need not ask again."""


class Cors:
    """Around an application: answers preflights, and says of every other answer which origin may read it."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins.listed or not _open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if scope["method"] == "OPTIONS" and origin and "access-control-request-method" in headers:
            await self._preflight(origin)(scope, receive, send)
            return
        readable = self._origins.names(origin)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                if readable:
                    answer.update(_readable(origin) | {"Access-Control-Expose-Headers": READ})
            await send(message)

        await self._app(scope, receive, marked)

    def _preflight(self, origin: str) -> Response:
        if not self._origins.names(origin):
            error = {"code": OTHER_SITE.code, "message": OTHER_SITE.message}
            answer = Response(msgspec.json.encode({"error": error}), 403, media_type="application/json")
        else:
            headers = {
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": SENT,
                "Access-Control-Max-Age": str(KEPT_S),
            }
            answer = Response(status_code=204, headers=headers | _readable(origin))
        answer.headers["Vary"] = "Origin"
        return answer


def _open(path: str) -> bool:
    return path.startswith(OPEN) and path != CLOSED and not path.startswith(f"{CLOSED}/")


def _readable(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
