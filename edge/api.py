"""The REST door: the same commands, the same answers, the same refusals as on the socket. Paths as docs/protocol.md."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import opening
from actors.commands import (
    STATUS,
    Act,
    Approve,
    ClientCommand,
    Id,
    Leave,
    LeaveSeat,
    Reject,
    RequestJoin,
    RoomId,
    Sender,
    Seq,
    Spectate,
    Start,
    StopSpectating,
    TakeSeat,
)
from actors.load import update_of
from actors.messages import Deliver, Done, Look, No, Seen
from actors.update import Audience, frames
from edge import protocol
from edge.auth import UNAUTHENTICATED, Identity
from edge.lobby import Lobby, iso
from edge.protocol import FRAME_LIMIT
from edge.router import AWAY, NO_ROOM, NOBODY
from edge.socket import Services
from storage.postgres import BIGINT, Conflict, StorageUnavailable

log = structlog.get_logger()

Answer = dict[str, Any] | bytes | No
Handler = Callable[[Request, Identity], Awaitable[Answer]]

_encode = msgspec.json.Encoder().encode
PAGE_LIMIT = 200


class Session(msgspec.Struct):
    display_name: str | None = None


class Approval(msgspec.Struct):
    user_id: str
    approved: bool = True


class Api:
    """The routes of one edge."""

    def __init__(self, services: Services, lobby: Lobby) -> None:
        self._services = services
        self._lobby = lobby

    def routes(self) -> list[Route]:
        def route(method: str, path: str, handler: Handler, status: int = 200) -> Route:
            return Route(path, self._door(handler, status), methods=[method])

        room = "/api/rooms/{room}"
        return [
            Route("/api/session", self._session, methods=["POST"]),
            route("GET", "/api/session", self._who),
            Route("/api/games", self._games, methods=["GET"]),
            Route("/api/frames.json", self._frames, methods=["GET"]),
            Route("/api/rooms", self._list, methods=["GET"]),
            route("POST", "/api/rooms", self._open, 201),
            Route(room, self._summary, methods=["GET"]),
            route("POST", f"{room}/join", self._join),
            route("POST", f"{room}/approve", self._approve),
            route("POST", f"{room}/reject", self._reject),
            route("POST", f"{room}/seat", self._seat),
            route("DELETE", f"{room}/seat", self._plain(LeaveSeat)),
            route("POST", f"{room}/spectate", self._plain(Spectate)),
            route("DELETE", f"{room}/spectate", self._plain(StopSpectating)),
            route("GET", f"{room}/spectators", self._spectators),
            route("POST", f"{room}/start", self._plain(Start)),
            route("POST", f"{room}/leave", self._plain(Leave)),
            route("POST", f"{room}/actions", self._act),
            route("GET", f"{room}/hydrate", self._hydrate),
            route("GET", f"{room}/events", self._events),
        ]

    # Who asks, and how answers look

    def _door(self, handler: Handler, status: int) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            identity = self._identify(request)
            if isinstance(identity, No):
                return refusal(identity)
            return await answered(handler(request, identity), status)

        return endpoint

    def _identify(self, request: Request) -> Identity | No:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return UNAUTHENTICATED
        return self._services.identities.verify(token.strip())

    async def _deliver(self, request: Request, identity: Identity, command: ClientCommand) -> Done | No:
        sender = Sender(identity.user, identity.name)
        answer = await self._services.router.ask(RoomId(command.room), lambda epoch: Deliver(epoch, sender, command))
        if isinstance(answer, Done):
            if answer.update:
                self._services.fanout.heard(command.room, answer.update)
            return answer
        return answer if isinstance(answer, No) else NOBODY

    async def _command(
        self, request: Request, identity: Identity, kind: Any, known: dict[str, Any] | None = None
    ) -> Done | No:
        """The command of `kind` with the body's fields, delivered. It can be read once: who has done so gives it."""
        body = known if known is not None else await read(request)
        if isinstance(body, No):
            return body
        room = await self._room(request)
        if isinstance(room, No):
            return room
        fields = {**body, "type": kind.__struct_config__.tag, "id": command_id(request), "room": room}
        try:
            command = msgspec.convert(fields, kind)
            if isinstance(command, Act):
                command = protocol.with_arguments(command, fields)
        except (msgspec.ValidationError, OverflowError) as error:
            return No("invalid_message", f"{error}.")
        return await self._deliver(request, identity, command)

    async def _room(self, request: Request) -> RoomId | No:
        """The room in the path: by id, or by code."""
        named = request.path_params["room"]
        if not named.isprintable() or len(named) > 64:
            return NO_ROOM
        if named.startswith("r_"):
            return RoomId(named)
        found = await self._lobby.summary(named)
        return RoomId(found["id"]) if found else NO_ROOM

    # Sessions and games

    async def _session(self, request: Request) -> Response:
        async def session() -> Answer:
            body = await read(request)
            if isinstance(body, No):
                return body
            try:
                asked = msgspec.convert(body, Session)
            except msgspec.ValidationError as error:
                return No("invalid_message", f"{error}.")
            identities = self._services.identities
            if "authorization" in request.headers:
                known = self._identify(request)
                if isinstance(known, No):
                    return known
                identity = identities.renewed(known, asked.display_name)
            else:
                identity = identities.guest(asked.display_name)
            return {**_who(identity), "token": identities.token(identity)}

        return await answered(session())

    async def _who(self, request: Request, identity: Identity) -> Answer:
        return _who(identity)

    async def _games(self, request: Request) -> Response:
        return Response(_encode({"games": opening.games()}), media_type="application/json")

    async def _frames(self, request: Request) -> Response:
        return Response(_encode(protocol.schema()), media_type="application/json")

    # Rooms

    async def _list(self, request: Request) -> Response:
        async def rooms() -> Answer:
            query = request.query_params
            try:
                if not all(value.isprintable() for value in query.values()):
                    raise ValueError("Postgres has no place for NUL")
                limit = int(query.get("limit", "50"))
                found, cursor = await self._lobby.list(
                    query.get("game") or None,
                    query.get("status") or None,
                    query.get("open", "").lower() in ("1", "true", "yes"),
                    limit,
                    query.get("cursor"),
                )
            except ValueError:
                return No("invalid_message", "limit is a number, and cursor one that was given before.")
            return {"rooms": found, "next_cursor": cursor}

        return await answered(rooms())

    async def _open(self, request: Request, identity: Identity) -> Answer:
        body = await read(request)
        if isinstance(body, No):
            return body
        try:
            asked = msgspec.convert(body, opening.Request)
            creation_id = msgspec.convert(key, Id) if (key := request.headers.get("idempotency-key")) else None
        except msgspec.ValidationError as error:
            return No("invalid_message", f"{error}.")
        return await self._lobby.open(asked, identity, creation_id)

    async def _summary(self, request: Request) -> Response:
        async def summary() -> Answer:
            named = request.path_params["room"]
            found = await self._lobby.summary(named) if named.isprintable() else None
            return found or NO_ROOM

        return await answered(summary())

    async def _join(self, request: Request, identity: Identity) -> Answer:
        done = await self._command(request, identity, RequestJoin)
        if isinstance(done, No):
            return done
        status = done.give["status"]
        return {"status": status, "waiting_for_approval": status == "pending", "seq": done.seq}

    async def _approve(self, request: Request, identity: Identity) -> Answer:
        body = await read(request)
        if isinstance(body, No):
            return body
        try:
            asked = msgspec.convert(body, Approval)
        except msgspec.ValidationError as error:
            return No("invalid_message", f"{error}.")
        done = await self._command(request, identity, Approve if asked.approved else Reject, body)
        return done if isinstance(done, No) else {"approved": asked.approved, "user_id": asked.user_id, "seq": done.seq}

    async def _reject(self, request: Request, identity: Identity) -> Answer:
        body = await read(request)
        if isinstance(body, No):
            return body
        done = await self._command(request, identity, Reject, body)
        return done if isinstance(done, No) else {"approved": False, "user_id": body["user_id"], "seq": done.seq}

    async def _seat(self, request: Request, identity: Identity) -> Answer:
        done = await self._command(request, identity, TakeSeat)
        return done if isinstance(done, No) else {**done.give, "seq": done.seq}

    async def _act(self, request: Request, identity: Identity) -> Answer:
        done = await self._command(request, identity, Act)
        return done if isinstance(done, No) else {"success": True, "seq": done.seq}

    def _plain(self, kind: Any) -> Handler:
        async def handler(request: Request, identity: Identity) -> Answer:
            done = await self._command(request, identity, kind)
            return done if isinstance(done, No) else {"seq": done.seq}

        return handler

    async def _spectators(self, request: Request, identity: Identity) -> Answer:
        room = await self._room(request)
        if isinstance(room, No):
            return room
        stands = await self._services.database.row("membership", room, identity.user)
        if stands is None:
            return NO_ROOM
        if stands["seat_index"] is None and not stands["watching"] and stands["host_id"] != identity.user:
            return No("not_approved", "Only those at the table may see who is watching.")
        rows = await self._services.database.rows("spectators", room)
        return {"spectators": [dict(row) for row in rows]}

    # Views and the past

    async def _hydrate(self, request: Request, identity: Identity) -> Answer:
        room = await self._room(request)
        if isinstance(room, No):
            return room
        sender = Sender(identity.user, identity.name)
        as_spectator = request.query_params.get("role") == "spectator"
        answer = await self._services.router.ask(room, lambda epoch: Look(epoch, sender, room, as_spectator))
        if isinstance(answer, Seen):
            return answer.view
        return answer if isinstance(answer, No) else NOBODY

    async def _events(self, request: Request, identity: Identity) -> Answer:
        room = await self._room(request)
        if isinstance(room, No):
            return room
        try:
            after = max(0, int(request.query_params.get("after", "0")))
            limit = max(1, min(int(request.query_params.get("limit", "100")), PAGE_LIMIT))
            if after > BIGINT:
                raise ValueError("beyond every seq")
        except ValueError:
            return No("invalid_message", "after and limit are numbers.")
        missed, stands = await past(self._services, room, identity, Seq(after), limit)
        if missed is None:
            return NO_ROOM
        following = after + len(missed)
        return b'{"updates":[%b],"next":%b}' % (
            b",".join(missed),
            str(following).encode() if following < stands else b"null",
        )


async def past(
    services: Services, room: RoomId, identity: Identity, after: Seq, limit: int
) -> tuple[list[bytes] | None, int]:
    """The updates after `after` as this user saw them, and the room's seq. None: no such room."""
    stands = await services.database.row("audience_of", room, identity.user)
    if stands is None or stands["seq"] is None:
        return None, 0
    seq = stands["seq"]
    audience: Audience = "inside" if stands["inside"] else "outside"
    page = [
        update_of(room, row)
        for row in await services.database.rows("log_after", room, after, max(0, min(limit, seq - after)))
    ]
    last = after + len(page)
    while last < seq and not any((part := u.users.get(identity.user)) and part.was for u in page):
        # Where he stood at the page's end is told by the next update that moved him, if there is one.
        row = await services.database.row("moved_after", room, last, identity.user)
        if row is None:
            break
        update = update_of(room, row)
        if (part := update.users.get(identity.user)) is not None and part.was is not None:
            audience = part.was
            break
        last = update.seq
    return frames(page, identity.user, audience), seq


def _who(identity: Identity) -> dict[str, Any]:
    return {
        "user_id": identity.user,
        "display_name": identity.name,
        "expires_at": iso(identity.expires_at * 1000),
    }


def command_id(request: Request) -> str:
    return request.headers.get("idempotency-key") or f"rest.{secrets.token_hex(12)}"


async def read(request: Request) -> dict[str, Any] | No:
    """The body as a JSON object; an empty body is an empty object."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FRAME_LIMIT:
            return No("message_too_large", "A body has at most 32 KiB.")
    try:
        return msgspec.json.decode(bytes(body), type=dict[str, Any]) if body else {}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return No("invalid_message", "The body is not a JSON object.")


async def answered(work: Awaitable[Answer], status: int = 200) -> Response:
    """The response to an answer, or to what went wrong on the way to it."""
    try:
        answer = await work
    except StorageUnavailable as error:
        log.warning("api.storage_unavailable", reason=str(error))
        answer = AWAY
    except Conflict as error:
        log.error("api.refused_by_database", constraint=error.constraint)
        answer = NOBODY
    if isinstance(answer, No):
        return refusal(answer)
    body = answer if isinstance(answer, bytes) else _encode(answer)
    return Response(body, status, media_type="application/json")


def refusal(no: No) -> Response:
    fields = {"code": no.code, "message": no.message, "details": no.details, "retry_after_ms": no.retry_after_ms}
    body = {"error": {key: value for key, value in fields.items() if value is not None}}
    headers = {"Retry-After": str(-(-no.retry_after_ms // 1000))} if no.retry_after_ms else None
    return Response(_encode(body), STATUS.get(no.code, 500), headers, media_type="application/json")
