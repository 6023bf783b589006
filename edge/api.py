"""The REST door: the same commands, the same answers, the same refusals as on the socket. Paths as docs/protocol.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import opening
from actors.commands import (
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
from actors.messages import Deliver, Done, Look, No, Seen
from edge import protocol
from edge.auth import UNAUTHENTICATED, Identity
from edge.http import Answer, answered, command_id, read, refusal
from edge.lobby import Lobby, iso
from edge.past import past
from edge.router import NO_ROOM, NOBODY
from edge.socket import Services
from storage.postgres import BIGINT

log = structlog.get_logger()

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


def _who(identity: Identity) -> dict[str, Any]:
    return {
        "user_id": identity.user,
        "display_name": identity.name,
        "expires_at": iso(identity.expires_at * 1000),
    }
