"""The REST half of a client (protocol.md section 3): signing in, rooms, joining, a full view."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any
from uuid import uuid4

import msgspec

from .frames import Json, encode
from .transport import HttpReply, Requester

COOKIE = "tavola_session"
TRIES = 6
GUESTS_WITHIN_S = 60.0
"""How long a server is asked again that takes no more new guests from here for now."""
UNLIMITED = "start the server with TAVOLA_GUESTS_PER_MINUTE=0 to have so many players from one address"


class RequestRefused(Exception):
    """The server said no: `code` is one of protocol.md section 5, or `http_` and the status where the answer named
    none. `status` is the HTTP status, 0 where the refusal came by a socket."""

    def __init__(self, status: int, code: str, message: str, details: Any = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.status = status
        self.code = code
        self.details = details


class ClientIdentity(msgspec.Struct):
    """A client's identity. `session` is the cookie that renews `token`. Without one, a live token renews itself."""

    user_id: str
    display_name: str
    token: str
    session: str = ""


class _Error(msgspec.Struct):
    code: str
    message: str = ""
    retry_after_ms: int | None = None
    details: Any = None


class _ErrorAnswer(msgspec.Struct):
    error: _Error


class ApiClient:
    """Calls as this or that identity. A call that is refused "for now" is made again; everything else raises
    RequestRefused.

    A command carries an `Idempotency-Key`, so it may be asked again whatever became of the first time. After `TRIES`
    the last refusal is raised, or OSError or TimeoutError when no answer came: the command may have taken effect.
    """

    def __init__(self, http: Requester) -> None:
        self._http = http

    async def sign_in(self, display_name: str) -> ClientIdentity:
        """A new guest. Raises RequestRefused when the server takes none within `GUESTS_WITHIN_S`."""
        give_up_at = time.monotonic() + GUESTS_WITHIN_S
        while True:
            try:
                reply = await self._call("POST", "/api/session", None, {"display_name": display_name})
                return self._identity(reply, "")
            except RequestRefused as refused:
                if refused.code != "rate_limited":
                    raise
                if time.monotonic() > give_up_at:
                    raise RequestRefused(refused.status, refused.code, UNLIMITED) from None

    async def renew(self, identity: ClientIdentity) -> ClientIdentity:
        """The same user with a fresh token. Raises RequestRefused when the session is no longer known."""
        headers = {"X-Requested-With": "tavola"}
        if identity.session:
            headers["Cookie"] = f"{COOKIE}={identity.session}"
        known = None if identity.session else identity
        reply = await self._call("POST", "/api/session", known, {"display_name": identity.display_name}, headers)
        renewed = self._identity(reply, identity.session)
        if renewed.user_id != identity.user_id:
            raise RequestRefused(401, "unauthenticated", "the session is gone: a new user was made")
        return renewed

    async def create_room(self, host: ClientIdentity, body: Json) -> Json:
        """Opens a room with `host` as its host; `body` and the result are those of `POST /api/rooms`."""
        return await self.json("POST", "/api/rooms", host, body)

    async def room(self, room: str, viewer: ClientIdentity | None = None) -> Json:
        """The part of a room, by id or code, that anybody may know."""
        return await self.json("GET", f"/api/rooms/{room}", viewer)

    async def join(self, room: str, guest: ClientIdentity, command_id: str | None = None) -> Json:
        """Asks to be let into a room, by id or code, and says whether that was granted at once."""
        body = {"display_name": guest.display_name}
        return await self.json("POST", f"/api/rooms/{room}/join", guest, body, command_id)

    async def hydrate(self, room: str, viewer: ClientIdentity) -> HttpReply:
        """A fresh whole view; the reply's body is its JSON (protocol.md section 4)."""
        return await self._call("GET", f"/api/rooms/{room}/hydrate", viewer)

    async def json(
        self,
        method: str,
        path: str,
        identity: ClientIdentity | None = None,
        body: Json | None = None,
        command_id: str | None = None,
    ) -> Json:
        """The answer's object, `{}` where it has no body. `command_id` becomes the `Idempotency-Key`."""
        extra = {"Idempotency-Key": command_id} if command_id is not None else None
        reply = await self._call(method, path, identity, body, extra)
        return msgspec.json.decode(reply.body or b"{}", type=dict[str, Any])

    async def _call(
        self,
        method: str,
        path: str,
        identity: ClientIdentity | None,
        body: Json | None = None,
        extra: dict[str, str] | None = None,
    ) -> HttpReply:
        headers = dict(extra or {})
        if identity is not None:
            headers["Authorization"] = f"Bearer {identity.token}"
        data = b""
        if body is not None:
            data = encode(body)
            headers["Content-Type"] = "application/json"
        if method != "GET":
            headers.setdefault("Idempotency-Key", uuid4().hex)
        for attempt in range(TRIES):
            try:
                reply = await self._http.request(method, path, data, headers)
            except (OSError, TimeoutError):
                if attempt == TRIES - 1:
                    raise
                wait_s = 0.2 * 2**attempt
            else:
                if reply.status < 400:
                    return reply
                error = _error(reply)
                if error.retry_after_ms is None or attempt == TRIES - 1:
                    raise RequestRefused(reply.status, error.code, error.message, error.details)
                wait_s = error.retry_after_ms / 1000
            await asyncio.sleep(wait_s * random.uniform(1.0, 1.5))
        raise AssertionError("unreachable")

    def _identity(self, reply: HttpReply, session: str) -> ClientIdentity:
        identity = msgspec.json.decode(reply.body, type=ClientIdentity)
        name, _, rest = reply.headers.get("set-cookie", "").partition("=")
        identity.session = rest.partition(";")[0] if name == COOKIE else session
        return identity


def _error(reply: HttpReply) -> _Error:
    try:
        error = msgspec.json.decode(reply.body, type=_ErrorAnswer).error
    except msgspec.DecodeError:
        error = _Error(code=f"http_{reply.status}", message=reply.body[:200].decode("utf-8", "replace"))
    if error.retry_after_ms is None and reply.status in (429, 503):
        after = reply.headers.get("retry-after", "")
        error.retry_after_ms = int(after) * 1000 if after.isdigit() else 500
    return error
