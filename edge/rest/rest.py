"""The REST door: what an endpoint is, and what is checked of a request before its handler sees it.

An `Endpoint` is data: routes are made of it here, and the published document in `edge.rest.openapi`. In this order a
request is refused: how often its address asks, who its sender is (unless a token of ours says so, that is looked up),
how often they ask, its `Idempotency-Key`, its query, its body, its room.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, Protocol, TypeAlias, TypeVar

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tavola.actors.wire.commands import SERVICE, STATUS, Id, RoomId, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import (
    GAME_OVER,
    NO_ROOM,
    NO_SERVER,
    NOT_YOUR_ROLE,
    TOO_MANY_GUESSES,
    TOO_MANY_REQUESTS,
    away,
)
from tavola.edge.common.addresses import party
from tavola.edge.common.guesses import Guesses
from tavola.edge.common.limits import Rates
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.services import lacking
from tavola.edge.ws.protocol import FRAME_LIMIT, NESTED_LIMIT, demand_shallow
from tavola.storage.postgres import Conflict, StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")

JSON = "application/json"
CHANGES = ("POST", "DELETE", "PUT", "PATCH")
GONE = ("room_not_found", "token_invalid")
"""Codes for which it is looked up whether there was such a room."""
CODE_LIMIT = 64
"""Characters that name a room in a path, at most."""
USER_RATE, USER_BURST = 100.0, 500.0
"""Requests a second from one user, and at once."""
ADDRESS_RATE, ADDRESS_BURST = 1000.0, 5000.0
"""The same for all from one address without a token of ours, of whom it must be looked up who they are: a school's
pupils may share one."""

_encode = msgspec.json.Encoder().encode

AnyObject: TypeAlias = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]
"""A JSON object of a shape that is not the edge's affair: handed on as it came."""


class RestReply(msgspec.Struct, frozen=True):
    """An answer that needs headers of its own."""

    body: msgspec.Struct | bytes
    headers: Mapping[str, str] = {}


Answer = msgspec.Struct | bytes | Refusal | RestReply | Response
"""The outcome of a request: a struct, its JSON ready-made, either with headers, a refusal, or a response that is no
JSON."""


class Call:
    """A request that was found to be as its endpoint says."""

    def __init__(self, request: Request, who: Identity | Refusal) -> None:
        self.request = request
        self.who = who
        """The request's user; at an open endpoint there may be none."""
        self.key: str | None = None
        """`Idempotency-Key`, if there was one."""
        self.query: Any = None
        self.body: Any = None
        self.fields: dict[str, Any] = {}
        """The whole body as it came, fields that `body` knows nothing of among them."""
        self.room = RoomId("")
        """The room in the path."""
        self.code = ""
        """Its code, if it was named by that."""

    @property
    def identity(self) -> Identity:
        """The request's user. Not for open endpoints, where it may be nobody's."""
        assert not isinstance(self.who, Refusal)
        return self.who

    @property
    def command_id(self) -> str:
        """The id of the command that this request is."""
        return self.key or f"rest.{secrets.token_hex(12)}"


Handler = Callable[[Call], Awaitable[Answer]]


class Endpoint(msgspec.Struct, frozen=True):
    """One method of one path, and everything that a client must know of it.

    `gives` is the answer's type; `refusals` are the codes that are its handler's own. With `open`, nobody need be
    signed in; with `operator`, it is for operators of that role, or for a server with a token of its
    `scope`. A path with `{room}` takes the id of a room or its code.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    gives: type[msgspec.Struct]
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    status: int = 200
    refusals: tuple[str, ...] = ()
    open: bool = False
    operator: str = ""
    """The role of the operators who may ask this. Empty: it is not for operators."""
    banned_too: bool = False
    """Whether a user who is kept out may ask it all the same."""
    scope: str = ""
    """The scope with which another server may ask this for itself. Empty: for a user alone."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code with which it may refuse."""
        codes = {"invalid_message", "rate_limited", "storage_unavailable", *self.refusals}
        if not self.operator:
            codes |= {"token_expired", "token_invalid", "banned"}
        if not self.open:
            codes.add("unauthenticated")
        if self.method in CHANGES:
            codes.add("forbidden")
        if self.body is not None:
            codes.add("message_too_large")
        if "{room}" in self.path:
            codes |= {"room_not_found", "game_over", "room_unavailable", "game_error", "overloaded"}
        return tuple(code for code in STATUS if code in codes)


class RoomFinder(Protocol):
    """The part of an edge that finds rooms by their codes, and knows who has a part in which."""

    async def find(self, code: str) -> tuple[RoomId, bool] | None:
        """The room of a code, and whether it is private."""

    async def knows(self, room: RoomId, user: UserId) -> bool: ...

    async def removed(self, room: RoomId) -> bool: ...


class RestRouter:
    """Makes routes of endpoints. `who` says whose a request is, and may have to look it up; `at_once` says it where
    that costs nothing; `kept_out` refuses users and addresses; `rooms` knows the codes, and `guesses` counts those that
    are none."""

    def __init__(
        self,
        who: Callable[[Request], Awaitable[Identity | Refusal]],
        rooms: RoomFinder,
        clock: Callable[[], float] = time.monotonic,
        guesses: Guesses | None = None,
        at_once: Callable[[Request], Identity | None] = lambda request: None,
        kept_out: Callable[[UserId | None, str], Refusal | None] = lambda user, address: None,
    ) -> None:
        self._clock = clock
        self._guesses = guesses or Guesses(clock)
        self._who = who
        self._at_once = at_once
        self._kept_out = kept_out
        self._rooms = rooms
        self._users = Rates(USER_RATE, USER_BURST)
        self._addresses = Rates(ADDRESS_RATE, ADDRESS_BURST)

    def routes(self, endpoints: Iterable[Endpoint]) -> list[Route]:
        paths: dict[str, dict[str, Endpoint]] = defaultdict(dict)
        for endpoint in endpoints:
            assert endpoint.method not in paths[endpoint.path], endpoint
            paths[endpoint.path][endpoint.method] = endpoint
        return [Route(path, self._served(methods), methods=list(methods)) for path, methods in paths.items()]

    def _served(self, methods: dict[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            endpoint = methods[request.method if request.method != "HEAD" else "GET"]
            return await answered(self._answer(endpoint, request), endpoint.status)

        return serve

    async def _answer(self, endpoint: Endpoint, request: Request) -> Answer:
        call = await self._call(endpoint, request)
        if isinstance(call, Refusal):
            return call
        answer = await endpoint.handler(call)
        if isinstance(answer, Refusal) and answer.code in GONE and call.room and await self._rooms.removed(call.room):
            return GAME_OVER
        return answer

    async def _call(self, endpoint: Endpoint, request: Request) -> Call | Refusal:
        """The request, checked."""
        who = await self._allowed(request, endpoint)
        if who is TOO_MANY_REQUESTS:
            return TOO_MANY_REQUESTS
        if isinstance(who, Refusal) and not (endpoint.open and who.code == "unauthenticated"):
            return who
        if isinstance(who, Identity) and endpoint.operator and not who.service and endpoint.operator not in who.scopes:
            return NOT_YOUR_ROLE
        if isinstance(who, Identity) and who.service and (no := _beyond(who, endpoint)) is not None:
            return no
        call = Call(request, who)
        if key := request.headers.get("idempotency-key"):
            checked = converted(key, Id, "Idempotency-Key")
            if isinstance(checked, Refusal):
                return checked
            call.key = checked
        if endpoint.query is not None:
            given = {name: value for name, value in request.query_params.items() if value}
            call.query = converted(given, endpoint.query, "query", strict=False)
            if isinstance(call.query, Refusal):
                return call.query
        if endpoint.body is not None:
            fields = await read(request)
            if isinstance(fields, Refusal):
                return fields
            call.fields = fields
            call.body = converted(fields, endpoint.body, "body")
            if isinstance(call.body, Refusal):
                return call.body
        return await self._with_room(call) if "room" in request.path_params else call

    async def _allowed(self, request: Request, endpoint: Endpoint) -> Identity | Refusal:
        """The request's user; or a refusal, before anything is looked up for an address that asks too much."""
        who: Identity | Refusal | None = self._at_once(request)
        if who is None:
            if not self._addresses.take(address_of(request), self._clock()):
                return TOO_MANY_REQUESTS
            if (no := self._kept_out(None, _address(request))) is not None:
                return no
            who = await self._who(request)
        if isinstance(who, Identity):
            no = self._kept_out(None if endpoint.banned_too else who.user, _address(request))
            if no is not None:
                return no
        if isinstance(who, Identity) and not self._users.take(who.user, self._clock()):
            return TOO_MANY_REQUESTS
        return who

    async def _with_room(self, call: Call) -> Call | Refusal:
        named = call.request.path_params["room"]
        if not named.isprintable() or len(named) > CODE_LIMIT:
            return NO_ROOM
        if named.startswith("r_"):
            call.room = RoomId(named)
            return call
        found = await self._rooms.find(named)
        guesser = (_address(call.request), *((call.who.user,) if isinstance(call.who, Identity) else ()))
        # A right code of a private room is answered as a wrong one, while there were too many of these.
        if (found is None or found[1]) and not self._guesses.allowed(*guesser) and not await self._inside(call, found):
            return TOO_MANY_GUESSES
        if found is None:
            self._guesses.wrong(*guesser)
            return NO_ROOM
        call.room, call.code = found[0], named.upper()
        return call

    async def _inside(self, call: Call, found: tuple[RoomId, bool] | None) -> bool:
        if found is None or isinstance(call.who, Refusal):
            return False
        return await self._rooms.knows(found[0], call.who.user)


def _beyond(who: Identity, endpoint: Endpoint) -> Refusal | None:
    """The refusal to another server, if that endpoint is not for it or for whom it acts."""
    if endpoint.open or ("act" in who.scopes and not who.user.startswith(SERVICE) and not endpoint.operator):
        return None
    return None if endpoint.scope in who.scopes else lacking(endpoint.scope or "act")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def address_of(request: Request) -> str:
    """The address or network that counts as one sender, of those who are not known."""
    return party(_address(request))


def converted(value: Any, kind: type[T], what: str, *, strict: bool = True) -> T | Refusal:
    """`value` as a `kind`, or which field of `what` is wrong."""
    try:
        return msgspec.convert(value, kind, strict=strict)
    except (msgspec.ValidationError, OverflowError) as error:
        return Refusal("invalid_message", f"{str(error).replace('`$', f'`{what}')}.")


async def read(request: Request) -> dict[str, Any] | Refusal:
    """The body as a JSON object; an empty body is an empty object."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FRAME_LIMIT:
            return Refusal("message_too_large", "A body has at most 32 KiB.")
    try:
        fields: dict[str, Any] = msgspec.json.decode(bytes(body), type=dict[str, Any]) if body else {}
        demand_shallow(fields, NESTED_LIMIT + 2)  # The body, and a field of it that may be so deep.
        return fields
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Refusal("invalid_message", "The body is not a JSON object, or is nested too deep.")


async def answered(work: Awaitable[Answer], status: int = 200) -> Response:
    """The response to an answer, or to what went wrong on the way to it."""
    try:
        answer = await work
    except StorageUnavailable as error:
        log.warning("api.storage_unavailable", reason=str(error))
        answer = away(full=error.full)
    except Conflict as error:
        log.error("api.refused_by_database", constraint=error.constraint)
        answer = NO_SERVER
    if isinstance(answer, Refusal):
        return refusal(answer)
    if isinstance(answer, Response):
        return answer
    reply = answer if isinstance(answer, RestReply) else RestReply(answer)
    body = reply.body if isinstance(reply.body, bytes) else _encode(reply.body)
    return Response(body, status, reply.headers, media_type=JSON)


def refusal(no: Refusal) -> Response:
    fields = {"code": no.code, "message": no.message, "details": no.details, "retry_after_ms": no.retry_after_ms}
    body = {"error": {key: value for key, value in fields.items() if value is not None}}
    headers = {"Retry-After": str(-(-no.retry_after_ms // 1000))} if no.retry_after_ms else None
    return Response(_encode(body), STATUS.get(no.code, 500), headers, media_type=JSON)


async def hung_up(request: Request, error: Exception) -> Response:
    """The client has gone before all of its request was there; nobody hears what it is answered."""
    log.info("api.broken_off", path=request.url.path[:CODE_LIMIT])
    return Response(status_code=400)


async def not_there(request: Request, error: Exception) -> Response:
    """No such path, or no such method of it."""
    status, headers = 404, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
    said = "There is nothing at this path." if status == 404 else "This path has no such method."
    return Response(_encode({"error": {"code": "not_found", "message": said}}), status, headers, media_type=JSON)
